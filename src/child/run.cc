#include "child/step.h"

#include <unistd.h>

namespace estiba::child {

void Run(const Program&) noexcept { ::_exit(126); }

}  // namespace estiba::child
