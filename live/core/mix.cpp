#include "mix.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "arithmetic.hpp"

namespace violute {

namespace {

constexpr std::array<double, 1> any_pitch{1.0};

}  // namespace

static_assert(std::atomic<float>::is_always_lock_free);

Mix::Mix() {
    for (auto& value : values_) value.store(0.5F);
    set(Dial::room, default_room);
    set(Dial::wet, 1.0F);
}

void Mix::set(Dial dial, float value) {
    if (value == value) values_[static_cast<std::size_t>(dial)].store(std::clamp(value, 0.0F, 1.0F), std::memory_order_relaxed);
}

float Mix::at(Dial dial) const { return values_[static_cast<std::size_t>(dial)].load(std::memory_order_relaxed); }

DialScale::DialScale(std::span<const double> mixes, std::span<const double> hz, std::span<const double> places)
    : mixes_(mixes.begin(), mixes.end()), octaves_(hz.size()), numbers_(hz.size()), places_(places.begin(), places.end()) {
    std::transform(hz.begin(), hz.end(), octaves_.begin(), [](double pitch) { return std::log2(pitch); });
    std::iota(numbers_.begin(), numbers_.end(), 0.0);
}

DialScale::DialScale(std::span<const double> mixes, std::span<const double> places) : DialScale(mixes, any_pitch, places) {}

float DialScale::place(double mix, double f0_hz) const {
    if (numbers_.size() == 1) return static_cast<float>(on_curve(mix, 0));
    const double number = interpolate(std::log2(f0_hz), octaves_, numbers_);
    const std::size_t low = std::min(static_cast<std::size_t>(number), numbers_.size() - 2);
    const double first = on_curve(mix, low);
    return static_cast<float>(first + (number - static_cast<double>(low)) * (on_curve(mix, low + 1) - first));
}

double DialScale::on_curve(double mix, std::size_t i) const {
    return interpolate(mix, mixes_, std::span(places_).subspan(i * mixes_.size(), mixes_.size()));
}

}  // namespace violute
