// From conditioning to harmonic and noise levels of both ends; twin of families/ddsp/network.py.
//
// A stream describes all recent frames anew at each frame, as it learns how loud the performance is, so the
// network runs over all that its last answer depends on, and over nothing else.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "conditioning.hpp"
#include "rates.hpp"
#include "voice_file.hpp"

namespace violute {

struct NetworkLevels {
    std::array<std::array<float, max_harmonics>, n_ends> harmonic_db{};
    std::array<std::array<float, n_bands>, n_ends> noise_db{};
};

class Network {
   public:
    explicit Network(const VoiceFile& voice);

    // Weights by name, and how many values each has.
    static std::map<std::string, std::size_t> sizes(std::size_t n_channels, std::size_t n_harmonics,
                                                    std::size_t n_blocks);

    // Frames between the taps of each block; nothing where they are none, or reach further than is seen.
    static std::vector<int> dilations(const VoiceFile& voice);

    // The levels of the newest frame.
    const NetworkLevels& levels(const std::array<Features, n_ends>& features, float f0_hz);

    int n_harmonics() const { return n_harmonics_; }

   private:
    static constexpr int n_taps = 3;

    // Weights by input and then output, the outputs padded to whole tiles.
    struct Layer {
        std::vector<float> weights, bias;
        int n_in = 0, n_out = 0, n_padded = 0;
    };

    struct Block {
        int dilation = 1;
        std::vector<int> lags;  // How many frames ago its answer is wanted.
        std::array<Layer, n_taps> taps;
        Layer pointwise;
        std::array<std::vector<float>, n_ends> scale, shift;
    };

    static Layer layer(const std::vector<float>& weights, const std::vector<float>& bias, int n_in, int n_out,
                       int step = 1, int offset = 0);
    float* row(std::vector<float>& rows, int end, int lag) const;
    void run_block(Block& block);
    void add_body(float f0_hz);

    int n_channels_, n_padded_, n_harmonics_;
    Layer first_, to_harmonics_, to_noise_;
    std::vector<Block> blocks_;
    std::vector<float> body_db_, level_db_, tilt_db_, noise_trim_db_;
    float body_lowest_hz_, body_bins_per_octave_;
    std::array<float, max_harmonics> octaves_of_{};
    std::array<float, n_bands> band_octaves_above_tilt_{};
    std::vector<float> x_, hidden_;                  // Rows by end and lag: how many frames ago.
    std::vector<const float*> inputs_;
    std::vector<float*> outputs_;
    NetworkLevels levels_;
};

}  // namespace violute
