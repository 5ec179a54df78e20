// Who the program runs as, when the plan says it by name.

#include "os/passwd.h"
#include "session.h"

namespace estiba::runtime {

Status ResolveUser(Session& session, const plan::Step& step) {
  const int root = session.root_of_exec.valid() ? session.root_of_exec.get() : session.In(step);
  const std::string& user = step.text.at(0);
  const std::string passwd = TRY(os::ReadUserFile({root}, "etc/passwd"));
  const std::string group = user.empty() ? std::string() : TRY(os::ReadUserFile({root}, "etc/group"));
  session.user = TRY(os::ResolveUser(passwd, group, user, static_cast<std::uint32_t>(step.numbers.at(0)),
                                   static_cast<std::uint32_t>(step.numbers.at(1))));
  return Ok();
}

}  // namespace estiba::runtime
