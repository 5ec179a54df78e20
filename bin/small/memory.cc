// operator new and delete of the small programs, which have one thread. Small blocks come one behind the other from
// large pieces, and wait in a list of their size when they are given back: musl's allocator, careful and thrifty, takes
// some forty mappings for a start (0.3 ms of it). Large blocks are musl's.

#include <array>
#include <cstdlib>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t kStep = 16;  // sizes are multiples of it, and so is every address
constexpr std::size_t kLargest = 2048;
constexpr std::size_t kPiece = 64 * 1024;

struct Block {
  Block* next;
};

constinit std::array<Block*, kLargest / kStep + 1> free_blocks{};  // by size in steps
constinit char* piece = nullptr;                                   // what is left of the newest
constinit std::size_t left = 0;

std::size_t StepsOf(std::size_t size) { return size == 0 ? 1 : (size + kStep - 1) / kStep; }

void* NewBlock(std::size_t size) {
  if (left < size) {
    void* fresh = ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return nullptr;
    piece = static_cast<char*>(fresh);
    left = kPiece;
  }
  void* block = piece;
  piece += size;
  left -= size;
  return block;
}

void* Allocate(std::size_t size) {
  if (size > kLargest) return std::malloc(size);
  Block*& free = free_blocks[StepsOf(size)];
  if (free == nullptr) return NewBlock(StepsOf(size) * kStep);
  Block* block = free;
  free = block->next;
  return block;
}

}  // namespace

void* operator new(std::size_t size) {
  void* memory = Allocate(size);
  if (memory != nullptr) return memory;
  constexpr char kText[] = "out of memory\n";
  (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
  std::abort();
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }

// There is no form without a size: who needed one would not link.
#pragma GCC diagnostic ignored "-Wsized-deallocation"
void operator delete(void* memory, std::size_t size) noexcept {
  if (memory == nullptr) return;
  if (size > kLargest) {
    std::free(memory);
    return;
  }
  Block*& free = free_blocks[StepsOf(size)];
  free = new (memory) Block{free};
}
