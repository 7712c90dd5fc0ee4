// Levels of both ends, mixed as the ear takes them and brought to a loudness; twin of families/ddsp/levels.py.
//
// Source: Zwicker & Fastl, Psychoacoustics (3rd ed. 2007), chapter 8.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mix.hpp"
#include "network.hpp"
#include "noise.hpp"
#include "rates.hpp"
#include "voice_file.hpp"
#include "wavering.hpp"

namespace violute {

// Places between the ends, each from 0 to 1, of the harmonics and of the noise.
struct Weights {
    float tone, noise;
};

// What one frame plays.
struct Point {
    float f0_hz = 0.0F;
    std::array<float, max_harmonics> amplitudes{};
    FilteredNoise::Power noise_power{};
    float room = 0.0F;
};

// Bring the squares of roots in a point to a loudness, given the power that is heard of them; the gate is the gain of
// the harmonics on top.
void bring_to_loudness(Point& point, int n_harmonics, double power, double loudness_db, float gate);

class Levels {
   public:
    explicit Levels(const VoiceFile& voice);

    // Mix what the network answered for a frame, and give it a loudness; the gate is the gain of the harmonics.
    void mix(const NetworkLevels& levels, std::uint64_t frame, const Weights& weights, double loudness_db, float gate,
             Point& point);

   private:
    int n_harmonics_;
    Wavering wavering_;
    std::vector<float> rumble_root_, a_table_;
    std::array<float, n_bands> noise_weights_{};
    std::array<std::array<float, max_harmonics>, n_ends> harmonic_roots_{};
};

}  // namespace violute
