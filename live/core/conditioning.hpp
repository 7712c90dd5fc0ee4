// What the network is given of the recent frames; twin of analysis/conditioning.py for sound that arrives.
#pragma once

#include <array>
#include <span>

#include "rates.hpp"
#include "running_loudness.hpp"
#include "voice_file.hpp"

namespace violute {

inline constexpr int seen_frames = 31;      // That the network sees: its receptive field.
inline constexpr int history_frames = 132;  // That the features remember.

// The newest frames, oldest first; what a stream knows of each.
struct History {
    std::array<float, history_frames> f0_hz{}, strength{};
    std::array<double, history_frames> loudness_db{};
    std::array<bool, history_frames> is_onset{};
    int n_frames = 0;

    void push(float f0_hz, float loudness_db, float strength);

    // 1 just after an onset, fading to 0 within a tenth of a second; at the newest frame.
    float attack_share() const;
};

// Features of one end, newest frame last; where there are fewer frames, the first one stands for those before.
using Features = std::array<std::array<float, n_features>, seen_frames>;

class Conditioning {
   public:
    explicit Conditioning(const VoiceFile& voice);

    // Describe the recent frames as they are fit to an end.
    void describe(const History& history, const RunningLoudness& loudness, int end, Features& features);

   private:
    std::span<const double> quantiles_, range_hz_, registers_midi_;
    double register_width_;
    std::array<double, history_frames> loudness_db_{};
    std::array<float, history_frames> f0_hz_{}, octaves_{};
};

}  // namespace violute
