// Where notes begin: a spectral flux that listens to rises, band by band; twin of analysis/onsets.py.
//
// Source: Böck & Widmer, Maximum filter vibrato suppression for onset detection (DAFx 2013).
#pragma once

#include <array>
#include <vector>

namespace violute {

class Onsets {
   public:
    explicit Onsets(int n_fft);

    // Forget all that was heard.
    void reset();

    // The mean rise of the bands over 30 ms up to the newest frame, 1 at a clear attack.
    float push(const std::vector<float>& magnitudes);

   private:
    static constexpr int n_bands_ = 40, lag_frames_ = 3;
    using Levels = std::array<float, n_bands_>;

    struct Band {
        std::size_t first;
        std::vector<float> weights;
    };

    Levels levels_db(const std::vector<float>& magnitudes) const;

    std::vector<Band> bands_;
    std::array<Levels, lag_frames_ + 1> recent_{};
    bool is_first_ = true;
    float loudest_db_;
};

// Mark the frames at which notes begin: peaks of the strength, as pick_onsets does.
void pick_onsets(const float* strength, int n_frames, bool* is_onset);

}  // namespace violute
