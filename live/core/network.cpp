#include "network.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"
#include "noise.hpp"

namespace violute {

namespace {

constexpr float db_per_unit = 10.0F;
constexpr float tilt_from_hz = 1000.0F;
constexpr float highest_hz = sample_rate / 2.0F;
constexpr int tile = 32;
static_assert(n_bands % tile == 0);

typedef float Eight __attribute__((vector_size(32), aligned(4), may_alias));

__attribute__((always_inline)) inline const Eight& vector_at(const float* values) {
    return *reinterpret_cast<const Eight*>(values);
}

// Outputs whose sums lie in registers together, of which a page has fewer and narrower ones.
#if defined(__wasm__)
constexpr int n_summed = 8;
#else
constexpr int n_summed = tile;
#endif

// Add to rows of `n_summed` outputs the products of rows of inputs with weights.
template <int n_rows>
__attribute__((always_inline)) inline void multiply_tile(const float* const* in, int n_in, const float* weights,
                                                         int stride, float* const* out, int at) {
    constexpr int n_parts = n_summed / 8;
    Eight sums[n_rows][n_parts];
    // Whole loops, or the sums would lie in memory.
#pragma GCC unroll 4
    for (int row = 0; row < n_rows; ++row)
#pragma GCC unroll 4
        for (int part = 0; part < n_parts; ++part) sums[row][part] = vector_at(out[row] + at + 8 * part);
    for (int i = 0; i < n_in; ++i) {
        const float* own = weights + static_cast<long>(i) * stride + at;
#pragma GCC unroll 4
        for (int row = 0; row < n_rows; ++row) {
            const float value = in[row][i];
#pragma GCC unroll 4
            for (int part = 0; part < n_parts; ++part) sums[row][part] += value * vector_at(own + 8 * part);
        }
    }
#pragma GCC unroll 4
    for (int row = 0; row < n_rows; ++row)
#pragma GCC unroll 4
        for (int part = 0; part < n_parts; ++part) *reinterpret_cast<Eight*>(out[row] + at + 8 * part) = sums[row][part];
}

// Add to each row of outputs the product of its inputs with the weights.
VIOLUTE_VECTORS void multiply(const float* const* in, int n_rows, int n_in, const float* weights, int n_out,
                              float* const* out) {
    for (int at = 0; at < n_out; at += n_summed) {
        int row = 0;
        for (; row + 3 <= n_rows; row += 3) multiply_tile<3>(in + row, n_in, weights, n_out, out + row, at);
        for (; row + 2 <= n_rows; row += 2) multiply_tile<2>(in + row, n_in, weights, n_out, out + row, at);
        for (; row < n_rows; ++row) multiply_tile<1>(in + row, n_in, weights, n_out, out + row, at);
    }
}

// x / (1 + exp(-x)) of x * scale + shift.
VIOLUTE_VECTORS void modulated_silu(float* __restrict x, const float* __restrict scale, const float* __restrict shift,
                                    int n) {
    for (int i = 0; i < n; ++i) {
        const float modulated = x[i] * (1.0F + scale[i]) + shift[i];
        x[i] = modulated / (1.0F + fast_exp(-modulated));
    }
}

VIOLUTE_VECTORS void silu(const float* __restrict x, float* __restrict out, int n) {
    for (int i = 0; i < n; ++i) out[i] = x[i] / (1.0F + fast_exp(-x[i]));
}

float octaves_above_tilt(float frequency_hz) { return std::log2(std::max(frequency_hz, tilt_from_hz) / tilt_from_hz); }

}  // namespace

std::map<std::string, std::size_t> Network::sizes(std::size_t n_channels, std::size_t n_harmonics,
                                                  std::size_t n_blocks) {
    std::map<std::string, std::size_t> sizes = {{"network.first", n_features * n_channels},
                                                {"network.first_bias", n_channels},
                                                {"network.level_db", n_ends},
                                                {"network.tilt_db", n_ends},
                                                {"network.body_span", 2},
                                                {"network.to_harmonics", n_channels * n_harmonics},
                                                {"network.to_harmonics_bias", n_harmonics},
                                                {"network.to_noise", n_channels * n_bands},
                                                {"network.to_noise_bias", n_bands},
                                                {"network.noise_trim_db", n_ends * n_registers * n_bands}};
    for (std::size_t i = 0; i < n_blocks; ++i) {
        const std::string number = std::to_string(i);
        sizes["network.dilated" + number] = n_channels * n_channels * n_taps;
        sizes["network.dilated" + number + "_bias"] = n_channels;
        sizes["network.pointwise" + number] = n_channels * n_channels;
        sizes["network.pointwise" + number + "_bias"] = n_channels;
        sizes["network.modulation" + number] = n_ends * 2 * n_channels;
    }
    return sizes;
}

std::vector<int> Network::dilations(const VoiceFile& voice) {
    std::vector<int> found;
    int reach = 1;
    for (;;) {
        const std::vector<float>& dilation = voice.floats("network.dilation" + std::to_string(found.size()));
        if (dilation.size() != 1) return found;
        if (!(dilation[0] >= 1.0F && dilation[0] <= seen_frames)) return {};
        found.push_back(static_cast<int>(dilation[0]));
        reach += (n_taps - 1) * found.back();
        if (reach > seen_frames) return {};
    }
}

Network::Layer Network::layer(const std::vector<float>& weights, const std::vector<float>& bias, int n_in, int n_out,
                              int step, int offset) {
    Layer made;
    made.n_in = n_in;
    made.n_out = n_out;
    made.n_padded = (n_out + tile - 1) / tile * tile;
    made.weights.assign(static_cast<std::size_t>(n_in * made.n_padded), 0.0F);
    made.bias.assign(static_cast<std::size_t>(made.n_padded), 0.0F);
    std::copy(bias.begin(), bias.end(), made.bias.begin());
    for (int out = 0; out < n_out; ++out)
        for (int in = 0; in < n_in; ++in)
            made.weights[static_cast<std::size_t>(in * made.n_padded + out)] =
                weights[static_cast<std::size_t>((out * n_in + in) * step + offset)];
    return made;
}

Network::Network(const VoiceFile& voice)
    : n_channels_(static_cast<int>(voice.n_channels())),
      n_padded_((n_channels_ + tile - 1) / tile * tile),
      n_harmonics_(static_cast<int>(voice.n_harmonics())),
      first_(layer(voice.floats("network.first"), voice.floats("network.first_bias"), n_features, n_channels_)),
      to_harmonics_(layer(voice.floats("network.to_harmonics"), voice.floats("network.to_harmonics_bias"), n_channels_,
                          n_harmonics_)),
      to_noise_(layer(voice.floats("network.to_noise"), voice.floats("network.to_noise_bias"), n_channels_, n_bands)),
      body_db_(voice.floats("network.body_db")),
      level_db_(voice.floats("network.level_db")),
      tilt_db_(voice.floats("network.tilt_db")),
      noise_trim_db_(voice.floats("network.noise_trim_db")),
      body_lowest_hz_(voice.floats("network.body_span")[0]),
      body_bins_per_octave_(voice.floats("network.body_span")[1]),
      x_(static_cast<std::size_t>(n_ends * seen_frames * n_padded_)),
      hidden_(x_.size()),
      inputs_(n_ends * seen_frames),
      outputs_(n_ends * seen_frames) {
    const std::vector<int> between = dilations(voice);
    blocks_.resize(between.size());
    std::vector<int> wanted = {0};
    for (std::size_t i = blocks_.size(); i-- > 0;) {
        const std::string number = std::to_string(i);
        Block& block = blocks_[i];
        block.dilation = between[i];
        block.lags = wanted;
        // Its answer at a lag comes from what the block before answers at three.
        for (const int lag : block.lags)
            for (int tap = 1; tap < n_taps; ++tap) wanted.push_back(lag + tap * block.dilation);
        std::sort(wanted.begin(), wanted.end());
        wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
        const std::vector<float>& bias = voice.floats("network.dilated" + number + "_bias");
        for (int tap = 0; tap < n_taps; ++tap)
            block.taps[static_cast<std::size_t>(tap)] =
                layer(voice.floats("network.dilated" + number), bias, n_channels_, n_channels_, n_taps, tap);
        block.pointwise = layer(voice.floats("network.pointwise" + number),
                                voice.floats("network.pointwise" + number + "_bias"), n_channels_, n_channels_);
        const std::vector<float>& modulation = voice.floats("network.modulation" + number);
        for (std::size_t end = 0; end < n_ends; ++end) {
            const float* values = modulation.data() + static_cast<long>(end) * 2 * n_channels_;
            block.scale[end].assign(static_cast<std::size_t>(n_padded_), 0.0F);
            block.shift[end].assign(static_cast<std::size_t>(n_padded_), 0.0F);
            std::copy_n(values, n_channels_, block.scale[end].begin());
            std::copy_n(values + n_channels_, n_channels_, block.shift[end].begin());
        }
    }
    for (std::size_t i = 0; i < max_harmonics; ++i) octaves_of_[i] = std::log2(static_cast<float>(i + 1));
    const std::vector<double> centres_hz = noise_bands();
    for (std::size_t i = 0; i < n_bands; ++i)
        band_octaves_above_tilt_[i] = octaves_above_tilt(static_cast<float>(centres_hz[i]));
}

float* Network::row(std::vector<float>& rows, int end, int lag) const {
    return rows.data() + static_cast<long>(end * seen_frames + lag) * n_padded_;
}

const NetworkLevels& Network::levels(const std::array<Features, n_ends>& features, float f0_hz) {
    for (int end = 0; end < n_ends; ++end) {
        for (int lag = 0; lag < seen_frames; ++lag) {
            const auto at = static_cast<std::size_t>(end * seen_frames + lag);
            inputs_[at] = features[static_cast<std::size_t>(end)][static_cast<std::size_t>(seen_frames - 1 - lag)].data();
            outputs_[at] = row(x_, end, lag);
            std::copy(first_.bias.begin(), first_.bias.end(), outputs_[at]);
        }
    }
    multiply(inputs_.data(), n_ends * seen_frames, n_features, first_.weights.data(), n_padded_, outputs_.data());
    for (Block& block : blocks_) run_block(block);
    for (int end = 0; end < n_ends; ++end) {
        const auto which = static_cast<std::size_t>(end);
        std::array<float, (max_harmonics + tile - 1) / tile * tile> harmonic_units{};
        std::array<float, n_bands> noise_units{};
        silu(row(x_, end, 0), row(hidden_, end, 0), n_channels_);
        float* harmonic = harmonic_units.data();
        float* noise = noise_units.data();
        std::copy(to_harmonics_.bias.begin(), to_harmonics_.bias.end(), harmonic);
        std::copy(to_noise_.bias.begin(), to_noise_.bias.end(), noise);
        const float* in = row(hidden_, end, 0);
        multiply(&in, 1, n_channels_, to_harmonics_.weights.data(), to_harmonics_.n_padded, &harmonic);
        multiply(&in, 1, n_channels_, to_noise_.weights.data(), to_noise_.n_padded, &noise);
        const float* registers = features[which].back().data() + 1;
        float sum = 0.0F;
        for (int i = 0; i < n_registers; ++i) sum += registers[i];
        for (std::size_t i = 0; i < static_cast<std::size_t>(n_harmonics_); ++i)
            levels_.harmonic_db[which][i] = db_per_unit * harmonic_units[i] + level_db_[which];
        for (std::size_t i = 0; i < n_bands; ++i) {
            float trim_db = 0.0F;
            for (std::size_t j = 0; j < n_registers; ++j)
                trim_db += registers[j] / sum * noise_trim_db_[(which * n_registers + j) * n_bands + i];
            levels_.noise_db[which][i] = db_per_unit / 4.0F * noise_units[i] + level_db_[which] + trim_db +
                                         tilt_db_[which] * band_octaves_above_tilt_[i];
        }
    }
    add_body(f0_hz);
    return levels_;
}

// x += pointwise(silu(modulated(dilated(x)))), at the lags that the blocks after it ask for.
void Network::run_block(Block& block) {
    const std::size_t n_rows = block.lags.size();
    for (std::size_t at = 0; at < n_ends * n_rows; ++at) {
        outputs_[at] = row(hidden_, static_cast<int>(at / n_rows), static_cast<int>(at % n_rows));
        std::copy(block.taps[0].bias.begin(), block.taps[0].bias.end(), outputs_[at]);
    }
    const auto n_all = static_cast<int>(n_ends * n_rows);
    for (int tap = 0; tap < n_taps; ++tap) {
        for (std::size_t at = 0; at < n_ends * n_rows; ++at)
            inputs_[at] = row(x_, static_cast<int>(at / n_rows),
                              block.lags[at % n_rows] + (n_taps - 1 - tap) * block.dilation);
        multiply(inputs_.data(), n_all, n_channels_, block.taps[static_cast<std::size_t>(tap)].weights.data(), n_padded_,
                 outputs_.data());
    }
    for (std::size_t at = 0; at < n_ends * n_rows; ++at) {
        const std::size_t end = at / n_rows;
        modulated_silu(outputs_[at], block.scale[end].data(), block.shift[end].data(), n_channels_);
        inputs_[at] = outputs_[at];
        outputs_[at] = row(x_, static_cast<int>(end), block.lags[at % n_rows]);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n_channels_); ++i)
            outputs_[at][i] += block.pointwise.bias[i];
    }
    multiply(inputs_.data(), n_all, n_channels_, block.pointwise.weights.data(), n_padded_, outputs_.data());
}

// Add to each harmonic the gain of each end's body at its frequency, and the tilt.
void Network::add_body(float f0_hz) {
    const auto n_bins = static_cast<int>(body_db_.size()) / n_ends;
    const float octave = std::log2(f0_hz);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_harmonics_); ++i) {
        const float frequency_octave = octave + octaves_of_[i];
        const float held = std::clamp(frequency_octave, std::log2(body_lowest_hz_), std::log2(highest_hz));
        const float place = (held - std::log2(body_lowest_hz_)) * body_bins_per_octave_;
        const float position = std::clamp(place, 0.0F, static_cast<float>(n_bins) - 1.001F);
        const auto low = static_cast<std::size_t>(position);
        const float part = position - static_cast<float>(low);
        const float tilt_octaves = std::max(frequency_octave - std::log2(tilt_from_hz), 0.0F);
        for (std::size_t end = 0; end < n_ends; ++end) {
            const float* table = body_db_.data() + static_cast<long>(end) * n_bins;
            levels_.harmonic_db[end][i] += table[low] + part * (table[low + 1] - table[low]) + tilt_db_[end] * tilt_octaves;
        }
    }
}

}  // namespace violute
