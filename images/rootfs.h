#pragma once
// The files of the built-in image, from one static busybox.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::images {

struct Busybox {
  std::string program;               // its bytes
  std::vector<std::string> applets;  // "bin/sh", "usr/bin/env", …
  std::int64_t time = 0;             // of the file: gives the image a date that does not change between builds
};

// Reads the program and asks it for its applets. It must be static.
Result<Busybox> ReadBusybox(const std::string& path);

// The layer's tar: the same busybox always gives the same bytes.
Result<std::string> MakeLayer(const Busybox& busybox);

}  // namespace estiba::images
