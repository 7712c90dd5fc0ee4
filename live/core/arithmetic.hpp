// Arithmetic in loops that a compiler turns into vectors.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

// On x86 the loops that cost most are compiled twice, and the machine's own kind is chosen as the program
// loads. Sanitizers start later than that.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(VIOLUTE_ONE_KIND)
#define VIOLUTE_VECTORS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VIOLUTE_VECTORS
#endif

namespace violute {

// exp(x) to 2 units in the last place; x is held to [-87, 88].
// Source: Moshier, Cephes (1989), expf.
inline float fast_exp(float x) {
    x = x < -87.0F ? -87.0F : x > 88.0F ? 88.0F : x;
    constexpr float to_integer = 12582912.0F;  // 1.5 * 2^23: adding it rounds.
    const float shifted = x * 1.44269504088896341F + to_integer;
    const float power = shifted - to_integer;
    const float rest = (x - power * 0.693359375F) + power * 2.12194440e-4F;
    float series = 1.9875691500e-4F;
    series = series * rest + 1.3981999507e-3F;
    series = series * rest + 8.3334519073e-3F;
    series = series * rest + 4.1665795894e-2F;
    series = series * rest + 1.6666665459e-1F;
    series = series * rest + 5.0000001201e-1F;
    series = series * rest * rest + rest + 1.0F;
    // What std::bit_cast calls, which the library of Debian's emscripten lacks.
    const auto exponent = (__builtin_bit_cast(std::uint32_t, shifted) - 0x4B400000U + 127U) << 23U;
    return series * __builtin_bit_cast(float, exponent);
}

// Straight lines between points, held before the first and after the last: np.interp.
inline double interpolate(double x, std::span<const double> xs, std::span<const double> ys) {
    const std::size_t n = xs.size();
    if (!(x > xs[0])) return ys[0];
    if (x >= xs[n - 1]) return ys[n - 1];
    std::size_t low = 0, high = n - 1;
    while (high - low > 1) {
        const std::size_t middle = (low + high) / 2;
        (xs[middle] <= x ? low : high) = middle;
    }
    return ys[low] + (x - xs[low]) * (ys[high] - ys[low]) / (xs[high] - xs[low]);
}

}  // namespace violute
