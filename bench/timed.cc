// timed COMMAND…: runs a command with /dev/null as input and output, and prints "NANOSECONDS KILOBYTES STATUS": from
// its start to its end, its peak memory, its wait status. Small, so that neither the time nor the peak is its own.

#include <cstdio>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

long long Now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

int main(int argc, char** argv) {
  posix_spawn_file_actions_t quiet;
  if (argc < 2 || ::posix_spawn_file_actions_init(&quiet) != 0) return 2;
  for (int fd = 0; fd < 3; ++fd) {
    if (::posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0) != 0) return 2;
  }
  pid_t pid = 0;
  int status = 0;
  rusage usage{};
  const long long start = Now();
  if (::posix_spawnp(&pid, argv[1], &quiet, nullptr, argv + 1, environ) != 0) return 2;
  if (::wait4(pid, &status, 0, &usage) != pid) return 2;
  const long long end = Now();
  std::printf("%lld %ld %d\n", end - start, usage.ru_maxrss, status);
  return 0;
}
