// What the interfaces in C share: lines that say what is wrong, and an end to denormals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace violute {

// Write a line, or as much of it as there is room for.
inline void tell(char* problem, std::size_t n_problem, std::string_view line) {
    if (problem != nullptr && n_problem > 0) problem[line.copy(problem, n_problem - 1)] = '\0';
}

// Numbers too small for their usual form are taken for 0 while this lives: they would cost a hundred times as much.
class NoDenormals {
   public:
#if defined(__SSE2__)
    NoDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040U); }
    ~NoDenormals() { _mm_setcsr(before_); }

   private:
    unsigned before_;
#elif defined(__aarch64__)
    NoDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before_));
        asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24U)));
    }
    ~NoDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

   private:
    std::uint64_t before_;
#else
    NoDenormals() {}
    ~NoDenormals() {}
#endif
   public:
    NoDenormals(const NoDenormals&) = delete;
    NoDenormals& operator=(const NoDenormals&) = delete;
};

}  // namespace violute
