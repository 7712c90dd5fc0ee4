// Where between the two ends the sound stands; twin of voices/mix.py and of the dial's scale.
#pragma once

#include <array>
#include <atomic>
#include <span>
#include <vector>

namespace violute {

enum class Dial { tone, noise, attack, room, wet };
inline constexpr int n_dials = 5;
inline constexpr float default_room = 0.2F;

// Dials that one thread turns while another plays.
class Mix {
   public:
    Mix();
    void set(Dial dial, float value);  // Held to [0, 1]; what is no number is passed over.
    float at(Dial dial) const;

   private:
    std::array<std::atomic<float>, n_dials> values_;
};

// Turns a mix into a place between the ends of a network, with a curve for each of several pitches.
class DialScale {
   public:
    // Places at mixes that rise, a row for each pitch; pitches rise.
    DialScale(std::span<const double> mixes, std::span<const double> hz, std::span<const double> places);
    // One curve for all pitches.
    DialScale(std::span<const double> mixes, std::span<const double> places);
    float place(double mix, double f0_hz) const;

   private:
    double on_curve(double mix, std::size_t i) const;

    std::vector<double> mixes_, octaves_, numbers_, places_;
};

}  // namespace violute
