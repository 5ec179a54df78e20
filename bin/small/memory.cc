// operator new and delete of the small programs, which have one thread. Small blocks come one behind the other from
// large pieces, and wait in a list of their size when they are given back: musl's allocator, careful and thrifty, takes
// some forty mappings for a start (0.3 ms of it). Large blocks are musl's.

#include <array>
#include <bit>
#include <cstdlib>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace {

// Sizes are multiples of 16 (so every address is) up to 1 kB, powers of two from there on.
constexpr std::size_t kStep = 16;
constexpr std::size_t kStepped = 1024;
constexpr std::size_t kLargest = 32 * 1024;
constexpr std::size_t kPiece = 128 * 1024;

struct Block {
  Block* next;
};

constexpr std::size_t kSteps = kStepped / kStep;
constexpr std::size_t kClasses = kSteps + std::bit_width(kLargest / kStepped);
constinit std::array<Block*, kClasses> free_blocks{};
constinit char* piece = nullptr;  // what is left of the newest
constinit std::size_t left = 0;

std::size_t ClassOf(std::size_t size) {
  if (size <= kStepped) return size == 0 ? 0 : (size - 1) / kStep;
  return kSteps - 1 + static_cast<std::size_t>(std::bit_width((size - 1) / kStepped));
}

std::size_t SizeOf(std::size_t number) {
  return number < kSteps ? (number + 1) * kStep : kStepped << (number - kSteps + 1);
}

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
  Block*& free = free_blocks[ClassOf(size)];
  if (free == nullptr) return NewBlock(SizeOf(ClassOf(size)));
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

// There is no form without a size: libstdc++'s, which would free() it, is refused by tools/check_symbols.py.
#pragma GCC diagnostic ignored "-Wsized-deallocation"
void operator delete(void* memory, std::size_t size) noexcept {
  if (memory == nullptr) return;
  if (size > kLargest) {
    std::free(memory);
    return;
  }
  Block*& free = free_blocks[ClassOf(size)];
  free = new (memory) Block{free};
}
