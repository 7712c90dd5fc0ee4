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

// Turns a mix into a place between the ends of a network.
class DialScale {
   public:
    // Places at mixes that rise.
    DialScale(std::span<const double> mixes, std::span<const double> places);
    float place(double mix) const;

   private:
    std::vector<double> mixes_, places_;
};

}  // namespace violute
