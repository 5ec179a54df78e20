#pragma once
// The ids that files are made and looked at with (setfsuid(2)), apart from all others of this thread.

#include <sys/types.h>

#include "base/result.h"

namespace estiba::os {

// The thread's file ids are these until it is dropped; its capabilities stay. On an id-mapped mount only ids that are
// mapped can make files, which root's may not be.
class FileIds {
 public:
  static Result<FileIds> Assume(uid_t uid, gid_t gid);
  FileIds(FileIds&& other) noexcept : assumed_(other.assumed_), uid_(other.uid_), gid_(other.gid_) {
    other.assumed_ = false;
  }
  FileIds& operator=(FileIds&&) = delete;
  ~FileIds();

 private:
  FileIds() = default;
  bool assumed_ = false;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
};

// The thread does without one of its capabilities until this is dropped.
class WithoutCapability {
 public:
  static Result<WithoutCapability> Drop(unsigned capability);
  WithoutCapability(WithoutCapability&& other) noexcept : dropped_(other.dropped_) { other.dropped_ = false; }
  WithoutCapability& operator=(WithoutCapability&&) = delete;
  ~WithoutCapability();

 private:
  explicit WithoutCapability(bool dropped) : dropped_(dropped) {}
  bool dropped_;
};

}  // namespace estiba::os
