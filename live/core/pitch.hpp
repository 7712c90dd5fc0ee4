// Pitch by a small network that judges candidates, and a memory; twin of analysis/causal_pitch.py.
//
// Source: Bittner et al., Deep salience representations for F0 estimation (ISMIR 2017); Rabiner, A tutorial on
// hidden Markov models (1989), section III A.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "fft.hpp"
#include "salience.hpp"
#include "voice_file.hpp"

namespace violute {

class CausalPitch {
   public:
    static constexpr int n_fft = 2048;  // Samples that it looks at: the newest ones.

    struct Frame {
        double f0_hz;
        double periodicity;  // From 0 to 1.
    };

    explicit CausalPitch(const VoiceFile& voice);

    // Weights by name, and how many values each has.
    static std::map<std::string, std::size_t> sizes();

    // Forget all that was heard.
    void reset();

    Frame push(const float* heard);

   private:
    static constexpr int n_windows = 3, n_rows = 4, n_bins = 512, row_length = n_bins + 2;
    static constexpr int n_candidates = 222, n_own = 43, n_shared = 7, n_first = 24, n_second = 12, n_inner = 8;
    static constexpr std::size_t first_salience = 39, n_telling = 2;
    static constexpr int lag_frames = 2, n_glide = 5;
    using Candidates = std::array<float, n_candidates>;

    void measure(const float* heard);
    void describe();
    void judge();
    void believe();
    std::size_t likeliest() const;
    float belief_near(std::size_t candidate) const;
    double periodicity(double f0_hz) const;
    double refined_hz(double candidate_hz) const;

    struct Weights {
        std::vector<float> own, first, shared, second, second_bias, last, change, change_bias, leap, leap_bias, glide, salience;
    };

    Weights weights_;
    RealFft fft_;
    std::array<std::vector<float>, n_windows> windows_;
    std::vector<float> framed_, real_, imag_;
    std::array<double, n_candidates> candidates_hz_{};
    std::vector<std::size_t> below_;
    std::vector<float> above_;
    std::array<float, n_bins> magnitudes_{};
    Salience salience_;

    std::array<std::array<float, n_bins>, n_windows> levels_db_{}, power_{};
    std::array<double, n_windows> power_db_{};
    std::array<std::array<float, n_bins>, lag_frames + 1> recent_db_{};
    std::array<double, lag_frames + 1> recent_power_db_{};
    double loudest_db_;
    std::array<float, n_rows * row_length> rows_{};
    std::vector<float> own_, first_, second_;
    std::array<float, n_shared> shared_{};
    Candidates logits_{}, belief_{};
    std::size_t best_ = 0;
};

}  // namespace violute
