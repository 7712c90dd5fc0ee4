#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t counted = 0;

}  // namespace

std::size_t n_allocations() { return counted; }

void* operator new(std::size_t n_bytes) {
    ++counted;
    void* memory = std::malloc(n_bytes > 0 ? n_bytes : 1);
    if (memory == nullptr) std::abort();
    return memory;
}

void operator delete(void* memory) noexcept {
    if (memory != nullptr) ++counted;
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
