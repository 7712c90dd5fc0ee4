#include "room.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"

namespace violute {

namespace {

constexpr double shortest_rt60 = 0.3, longest_rt60 = 2.2;  // Seconds at 1 kHz.
constexpr double bass_ratio = 1.3, bass_hz = 250.0, air_hz = 8000.0;
constexpr double reflections_seconds = 0.06, reflections_share = 0.25;

int power_of_2_from(int n) {
    int power = 1;
    while (power < n) power *= 2;
    return power;
}

void scale(std::vector<float>& samples, double energy) {
    double sum = 0.0;
    for (const float sample : samples) sum += static_cast<double>(sample) * sample;
    const auto gain = static_cast<float>(std::sqrt(energy / sum));
    for (float& sample : samples) sample *= gain;
}

VIOLUTE_VECTORS void add_products(const float* __restrict ar, const float* __restrict ai, const float* __restrict br,
                                  const float* __restrict bi, float* __restrict sum_r, float* __restrict sum_i, int n) {
    for (int k = 0; k < n; ++k) {
        sum_r[k] += ar[k] * br[k] - ai[k] * bi[k];
        sum_i[k] += ar[k] * bi[k] + ai[k] * br[k];
    }
}

}  // namespace

std::vector<float> room_response(double size, int place, const VoiceFile& voice, const NoisePool& pool) {
    const double rt60 = shortest_rt60 * std::pow(longest_rt60 / shortest_rt60, size);
    const auto n_frames = static_cast<std::size_t>(std::ceil(rt60 * sample_rate / hop_length));
    const std::vector<double> bands_hz = noise_bands();
    const auto power_at = [&](std::size_t frame) {
        FilteredNoise::Power power{};
        for (std::size_t band = 0; band < n_bands; ++band) {
            const double walls = rt60 * (1.0 + (bass_ratio - 1.0) / (1.0 + std::pow(bands_hz[band] / bass_hz, 2.0)));
            const double decay = 1.0 / (1.0 / walls + std::pow(bands_hz[band] / air_hz, 2.0));
            const double seconds = static_cast<double>(frame) * hop_length / sample_rate;
            power[band] = static_cast<float>(std::pow(10.0, -6.0 * seconds / decay));
        }
        return power;
    };
    std::vector<float> tail(n_frames * hop_length), early(tail.size(), 0.0F);
    FilteredNoise noise(pool, static_cast<std::uint64_t>(place));
    noise.begin(power_at(0));
    for (std::size_t frame = 0; frame < n_frames; ++frame)
        noise.hop(power_at(std::min(frame + 1, n_frames - 1)), tail.data() + frame * hop_length);
    for (std::size_t i = 0; i < tail.size(); ++i) {
        // Lands the cut end at silence.
        const double left = 1.0 - static_cast<double>(i) / static_cast<double>(tail.size() - 1);
        tail[i] *= static_cast<float>(std::pow(left, 0.25));
    }
    const double spread_seconds = reflections_seconds * rt60 / longest_rt60;
    for (std::size_t i = 0; i < n_reflections; ++i) {
        const std::size_t at = static_cast<std::size_t>(place) * n_reflections + i;
        const double arrival = voice.doubles("room.arrivals")[at];
        const auto sample = static_cast<std::size_t>(std::max(arrival * spread_seconds * sample_rate, 0.0));
        early[std::min(sample, early.size() - 1)] += static_cast<float>(voice.doubles("room.signs")[at] / (1.0 + 2.0 * arrival));
    }
    scale(tail, 1.0 - reflections_share);
    scale(early, reflections_share);
    for (std::size_t i = 0; i < tail.size(); ++i) early[i] += tail[i];
    scale(early, 1.0);
    early.insert(early.begin(), hop_length, 0.0F);
    return early;
}

Partition::Partition(const std::vector<float>& response, int block_length, int first, int end)
    : block_length_(block_length),
      first_(first),
      n_pieces_(std::max((std::min(end, static_cast<int>(response.size())) + block_length - 1) / block_length - first, 0)),
      n_bins_(0),
      fft_(power_of_2_from(2 * block_length)) {
    n_bins_ = fft_.size() / 2 + 1;
    const auto n_values = static_cast<std::size_t>(n_pieces_ * n_bins_);
    piece_real_.resize(n_values);
    piece_imag_.resize(n_values);
    heard_real_.resize(n_values);
    heard_imag_.resize(n_values);
    sum_real_.resize(static_cast<std::size_t>(n_bins_));
    sum_imag_.resize(sum_real_.size());
    padded_.resize(static_cast<std::size_t>(fft_.size()));
    for (int i = 0; i < n_pieces_; ++i) {
        std::fill(padded_.begin(), padded_.end(), 0.0F);
        const int from = (first_ + i) * block_length_;
        const int stop = std::min({from + block_length_, end, static_cast<int>(response.size())});
        std::copy(response.begin() + from, response.begin() + stop, padded_.begin());
        fft_.forward(padded_.data(), piece_real_.data() + i * n_bins_, piece_imag_.data() + i * n_bins_);
    }
}

void Partition::hear(const float* two_blocks) {
    if (n_pieces_ == 0) return;
    newest_ = (newest_ + 1) % n_pieces_;
    std::copy_n(two_blocks, 2 * block_length_, padded_.begin());
    std::fill(padded_.begin() + 2 * block_length_, padded_.end(), 0.0F);
    fft_.forward(padded_.data(), heard_real_.data() + newest_ * n_bins_, heard_imag_.data() + newest_ * n_bins_);
}

void Partition::multiply(int share, int n_shares) {
    const int from = n_bins_ * share / n_shares, n = n_bins_ * (share + 1) / n_shares - from;
    std::fill_n(sum_real_.begin() + from, n, 0.0F);
    std::fill_n(sum_imag_.begin() + from, n, 0.0F);
    for (int i = 0; i < n_pieces_; ++i) {
        const int heard = (newest_ - i + n_pieces_) % n_pieces_ * n_bins_ + from, piece = i * n_bins_ + from;
        add_products(heard_real_.data() + heard, heard_imag_.data() + heard, piece_real_.data() + piece,
                     piece_imag_.data() + piece, sum_real_.data() + from, sum_imag_.data() + from, n);
    }
}

void Partition::play(float* out) {
    if (n_pieces_ == 0) {
        std::fill_n(out, block_length_, 0.0F);
        return;
    }
    fft_.inverse(sum_real_.data(), sum_imag_.data(), padded_.data());
    std::copy_n(padded_.begin() + block_length_, block_length_, out);
}

Room::Room(double size, int place, const VoiceFile& voice, const NoisePool& pool)
    : Room(room_response(size, place, voice, pool)) {}

Room::Room(const std::vector<float>& response)
    : early_(response, hop_length, 1, long_start), late_(response, long_block, 2, static_cast<int>(response.size())) {}

void Room::hop(float* audio, float start, float stop) {
    // What was heard up to the hop before makes the first row; that of two long blocks before, the second.
    early_.multiply(0, 1);
    early_.play(wet_.data());
    const auto at = static_cast<std::size_t>(phase_) * hop_length;
    for (std::size_t i = 0; i < hop_length; ++i) wet_[i] += ready_[at + i];

    std::copy(recent_.begin() + hop_length, recent_.end(), recent_.begin());
    std::copy_n(audio, hop_length, recent_.begin() + hop_length);
    early_.hear(recent_.data());

    // Two whole long blocks lie before the one that is being filled.
    if (phase_ == 0) late_.hear(long_recent_.data());
    late_.multiply(phase_, hops_per_block);
    std::copy_n(audio, hop_length, long_recent_.begin() + 2 * long_block + static_cast<long>(at));
    if (++phase_ == hops_per_block) {
        phase_ = 0;
        late_.play(next_.data());
        ready_ = next_;
        std::copy(long_recent_.begin() + long_block, long_recent_.end(), long_recent_.begin());
    }
    for (std::size_t i = 0; i < hop_length; ++i) {
        const float gain = start + (stop - start) * (static_cast<float>(i) / hop_length);
        audio[i] += wet_[i] * gain;
    }
}

}  // namespace violute
