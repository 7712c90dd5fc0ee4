#include "wavering.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"
#include "numpy_draws.hpp"

namespace violute {

namespace {

constexpr std::array<double, 5> smoothing = {0.25, 0.75, 1.0, 0.75, 0.25};
constexpr double widest = 2.5;  // Standard deviations at which the tracks are clipped.

}  // namespace

Wavering::Wavering(const VoiceFile& voice) : tracks_(n_frames * max_harmonics) {
    NumpyDraws draws(voice.integers("wavering.state"));
    std::vector<double> white(tracks_.size());
    for (double& value : white) value = draws.normal();
    double energy = 0.0;
    for (const double weight : smoothing) energy += weight * weight;
    for (std::size_t frame = 0; frame < n_frames; ++frame) {
        for (std::size_t track = 0; track < max_harmonics; ++track) {
            double smooth = 0.0;
            for (std::size_t i = 0; i < smoothing.size(); ++i)
                smooth += smoothing[i] * white[(frame + n_frames - i) % n_frames * max_harmonics + track];
            tracks_[frame * max_harmonics + track] =
                static_cast<float>(std::clamp(smooth / std::sqrt(energy), -widest, widest));
        }
    }
    const std::vector<float>& depth_db = voice.floats("wavering.depth_db");
    for (std::size_t end = 0; end < n_ends; ++end)
        for (std::size_t i = 0; i < max_harmonics; ++i)
            depth_[end][i] = depth_db[end * max_harmonics + i] * static_cast<float>(std::log(10.0) / 40.0);
}

void Wavering::apply(std::uint64_t frame, int end, float* roots, int n_harmonics) const {
    const float* tracks = tracks_.data() + frame % n_frames * max_harmonics;
    const float* depths = depth_[static_cast<std::size_t>(end)].data();
    // Power is the root to the fourth: exp(4 d g) with g of variance 1 has the mean exp(8 d^2).
    for (int i = 0; i < n_harmonics; ++i) roots[i] *= fast_exp(depths[i] * (tracks[i] - 2.0F * depths[i]));
}

}  // namespace violute
