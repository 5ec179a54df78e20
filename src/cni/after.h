#pragma once
// What is written once the plugins have said which addresses a container has.

#include "cni/attach.h"

namespace estiba::cni {

Status WriteNames(const AttachRequest& request, const Record& added);

}  // namespace estiba::cni
