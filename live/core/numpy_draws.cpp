#include "numpy_draws.hpp"

#include <array>
#include <cmath>

namespace violute {

namespace {

constexpr double ziggurat_edge = 3.6541528853610087963519472518;  // Where the tail begins.
constexpr double layer_area = 0.00492867323399;
constexpr int n_layers = 256;

// Layers of the density exp(-x^2 / 2): their heights, their widths by the largest integer drawn, and the
// integers below which a point surely lies under the curve.
struct Layers {
    std::array<double, n_layers> height, width, sure;

    explicit Layers(double largest) {
        double right = ziggurat_edge, before = right;
        const double base = layer_area / std::exp(-0.5 * right * right);
        sure[0] = right / base * largest;
        sure[1] = 0.0;
        width[0] = base / largest;
        width[n_layers - 1] = right / largest;
        height[0] = 1.0;
        height[n_layers - 1] = std::exp(-0.5 * right * right);
        for (std::size_t i = n_layers - 2; i >= 1; --i) {
            right = std::sqrt(-2.0 * std::log(layer_area / right + std::exp(-0.5 * right * right)));
            sure[i + 1] = right / before * largest;
            before = right;
            height[i] = std::exp(-0.5 * right * right);
            width[i] = right / largest;
        }
    }
};

const Layers& layers() {
    static const Layers made(4503599627370496.0);  // 2^52
    return made;
}

const Layers& float_layers() {
    static const Layers made(8388608.0);  // 2^23
    return made;
}

}  // namespace

NumpyDraws::NumpyDraws(std::span<const std::uint64_t> state)
    : state_(static_cast<Wide>(state[0]) << 64 | state[1]),
      increment_(static_cast<Wide>(state[2]) << 64 | state[3]) {}

std::uint64_t NumpyDraws::next() {
    constexpr Wide multiplier = static_cast<Wide>(0x2360ED051FC65DA4ULL) << 64 | 0x4385DF649FCCF645ULL;
    state_ = state_ * multiplier + increment_;
    const auto high = static_cast<std::uint64_t>(state_ >> 64), low = static_cast<std::uint64_t>(state_);
    // As std::rotr, whose second argument is signed in one library and unsigned in another.
    const std::uint64_t mixed = high ^ low, turn = high >> 58U;
    return mixed >> turn | mixed << (-turn & 63U);
}

std::uint32_t NumpyDraws::next_half() {
    if (has_kept_) {
        has_kept_ = false;
        return kept_;
    }
    const std::uint64_t both = next();
    kept_ = static_cast<std::uint32_t>(both >> 32);
    has_kept_ = true;
    return static_cast<std::uint32_t>(both);
}

double NumpyDraws::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

float NumpyDraws::uniform_float() { return static_cast<float>(next_half() >> 8) * 0x1p-24F; }

double NumpyDraws::normal() {
    const Layers& table = layers();
    for (;;) {
        const std::uint64_t drawn = next();
        const auto layer = static_cast<std::size_t>(drawn & 0xFF);
        const std::uint64_t place = (drawn >> 9) & 0x000FFFFFFFFFFFFFULL;
        double x = static_cast<double>(place) * table.width[layer];
        if ((drawn >> 8) & 1) x = -x;
        if (static_cast<double>(place) < table.sure[layer]) return x;
        if (layer == 0) {
            for (;;) {
                const double beyond = -std::log1p(-uniform()) / ziggurat_edge, under = -std::log1p(-uniform());
                if (under + under > beyond * beyond)
                    return (place >> 8) & 1 ? -(ziggurat_edge + beyond) : ziggurat_edge + beyond;
            }
        }
        const double lower = table.height[layer];
        if ((table.height[layer - 1] - lower) * uniform() + lower < std::exp(-0.5 * x * x)) return x;
    }
}

float NumpyDraws::normal_float() {
    const Layers& table = float_layers();
    constexpr auto edge = static_cast<float>(ziggurat_edge);
    for (;;) {
        const std::uint32_t drawn = next_half();
        const auto layer = static_cast<std::size_t>(drawn & 0xFF);
        const std::uint32_t place = (drawn >> 9) & 0x007FFFFFU;
        float x = static_cast<float>(place) * static_cast<float>(table.width[layer]);
        if ((drawn >> 8) & 1) x = -x;
        if (place < static_cast<std::uint32_t>(table.sure[layer])) return x;
        if (layer == 0) {
            for (;;) {
                const float beyond = -static_cast<float>(1.0 / ziggurat_edge) * std::log1p(-uniform_float());
                const float under = -std::log1p(-uniform_float());
                if (under + under > beyond * beyond) return (place >> 8) & 1 ? -(edge + beyond) : edge + beyond;
            }
        }
        const auto upper = static_cast<float>(table.height[layer - 1]);
        const auto lower = static_cast<float>(table.height[layer]);
        if ((upper - lower) * uniform_float() + lower < std::exp(-0.5 * static_cast<double>(x) * x)) return x;
    }
}

}  // namespace violute
