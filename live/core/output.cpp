#include "output.hpp"

#include <algorithm>
#include <cmath>

namespace violute {

namespace {

constexpr double ramp_seconds = 0.02;
constexpr float largest_sample = 1000.0F;

}  // namespace

float sound_of(float sample) {
    return std::isfinite(sample) ? std::clamp(sample, -largest_sample, largest_sample) : 0.0F;
}

Output::Output(const Mix& mix, int rate, int latency_samples)
    : mix_(mix),
      n_ramp_samples_(static_cast<int>(ramp_seconds * rate)),
      waiting_(static_cast<std::size_t>(latency_samples)) {}

void Output::set_level(float level_db) {
    if (level_db == level_db)
        level_db_.store(std::clamp(level_db, -largest_level_db, largest_level_db), std::memory_order_relaxed);
}

void Output::reset() {
    std::fill(waiting_.begin(), waiting_.end(), Sample{});
    oldest_ = 0;
    until_look_ = until_there_ = 0;
    is_first_ = true;
}

Output::Sample Output::play(const Sample& came, const Sample& hybrid) {
    if (until_look_-- == 0) look();
    if (until_there_ > 0) {
        gains_.hybrid += step_.hybrid;
        gains_.dry += step_.dry;
        if (--until_there_ == 0) gains_ = goal_;
    }
    Sample& dry = waiting_[oldest_];
    Sample out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = gains_.hybrid * hybrid[i] + gains_.dry * dry[i];
        dry[i] = sound_of(came[i]);
    }
    if (++oldest_ == waiting_.size()) oldest_ = 0;
    return out;
}

// Where the gains shall go: to equal power of both, or to the sound that came as it is.
void Output::look() {
    until_look_ = look_samples - 1;
    Gains goal{0.0F, 1.0F};
    if (!is_bypassed_.load(std::memory_order_relaxed)) {
        const float wet = mix_.at(Dial::wet);
        const float level = std::pow(10.0F, level_db_.load(std::memory_order_relaxed) / 20.0F);
        goal = {level * std::sqrt(wet), level * std::sqrt(1.0F - wet)};
    }
    if (goal.hybrid == goal_.hybrid && goal.dry == goal_.dry && !is_first_) return;
    goal_ = goal;
    until_there_ = n_ramp_samples_;
    step_ = {(goal.hybrid - gains_.hybrid) / static_cast<float>(n_ramp_samples_),
             (goal.dry - gains_.dry) / static_cast<float>(n_ramp_samples_)};
    if (is_first_) {
        gains_ = goal;
        until_there_ = 0;
    }
    is_first_ = false;
}

}  // namespace violute
