#include "mix.hpp"

#include <algorithm>

#include "arithmetic.hpp"

namespace violute {

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

DialScale::DialScale(std::span<const double> mixes, std::span<const double> places)
    : mixes_(mixes.begin(), mixes.end()), places_(places.begin(), places.end()) {}

float DialScale::place(double mix) const { return static_cast<float>(interpolate(mix, mixes_, places_)); }

}  // namespace violute
