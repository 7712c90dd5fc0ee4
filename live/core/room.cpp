#include "room.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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

std::vector<float> room_response(double size, int place, const Reflections& reflections, const NoisePool& pool) {
    const double rt60 = shortest_rt60 * std::pow(longest_rt60 / shortest_rt60, size);
    const auto n_frames = static_cast<std::size_t>(std::ceil(rt60 * sample_rate / hop_length));
    const std::vector<double> bands_hz = noise_bands();
    std::array<double, n_bands> falls{};  // Of the logarithm of power, in a second.
    for (std::size_t band = 0; band < n_bands; ++band) {
        const double walls = rt60 * (1.0 + (bass_ratio - 1.0) / (1.0 + std::pow(bands_hz[band] / bass_hz, 2.0)));
        falls[band] = 6.0 * std::log(10.0) * (1.0 / walls + std::pow(bands_hz[band] / air_hz, 2.0));
    }
    const auto power_at = [&](std::size_t frame) {
        FilteredNoise::Power power{};
        const double seconds = static_cast<double>(frame) * hop_length / sample_rate;
        for (std::size_t band = 0; band < n_bands; ++band)
            power[band] = fast_exp(static_cast<float>(-falls[band] * seconds));
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
        tail[i] *= static_cast<float>(std::sqrt(std::sqrt(left)));
    }
    const double spread_seconds = reflections_seconds * rt60 / longest_rt60;
    for (std::size_t i = 0; i < n_reflections; ++i) {
        const std::size_t at = static_cast<std::size_t>(place) * n_reflections + i;
        const double arrival = reflections.arrivals[at];
        const auto sample = static_cast<std::size_t>(std::max(arrival * spread_seconds * sample_rate, 0.0));
        early[std::min(sample, early.size() - 1)] += static_cast<float>(reflections.signs[at] / (1.0 + 2.0 * arrival));
    }
    scale(tail, 1.0 - reflections_share);
    scale(early, reflections_share);
    for (std::size_t i = 0; i < tail.size(); ++i) early[i] += tail[i];
    scale(early, 1.0);
    early.insert(early.begin(), hop_length, 0.0F);
    return early;
}

HeardSpectra::HeardSpectra(int block_length, int n_blocks)
    : block_length_(block_length),
      n_blocks_(n_blocks),
      fft_(power_of_2_from(2 * block_length)),
      real_(static_cast<std::size_t>(n_blocks * (fft_.size() / 2 + 1))),
      imag_(real_.size()),
      padded_(static_cast<std::size_t>(fft_.size())) {}

void HeardSpectra::clear() {
    std::fill(real_.begin(), real_.end(), 0.0F);
    std::fill(imag_.begin(), imag_.end(), 0.0F);
    newest_ = 0;
}

void HeardSpectra::push(const float* two_blocks) {
    newest_ = (newest_ + 1) % n_blocks_;
    std::copy_n(two_blocks, 2 * block_length_, padded_.begin());
    std::fill(padded_.begin() + 2 * block_length_, padded_.end(), 0.0F);
    const std::ptrdiff_t at = place(0);
    fft_.forward(padded_.data(), real_.data() + at, imag_.data() + at);
}

std::ptrdiff_t HeardSpectra::place(int n_ago) const {
    return static_cast<std::ptrdiff_t>((newest_ - n_ago + n_blocks_) % n_blocks_) * (fft_.size() / 2 + 1);
}

Pieces::Pieces(const std::vector<float>& response, int block_length, int first, int end)
    : block_length_(block_length),
      n_pieces_(
          std::max((std::min(end, static_cast<int>(response.size())) + block_length - 1) / block_length - first, 0)),
      n_bins_(0),
      fft_(power_of_2_from(2 * block_length)) {
    n_bins_ = fft_.size() / 2 + 1;
    const auto n_values = static_cast<std::size_t>(n_pieces_ * n_bins_);
    real_.resize(n_values);
    imag_.resize(n_values);
    sum_real_.resize(static_cast<std::size_t>(n_bins_));
    sum_imag_.resize(sum_real_.size());
    padded_.resize(static_cast<std::size_t>(fft_.size()));
    for (int i = 0; i < n_pieces_; ++i) {
        std::fill(padded_.begin(), padded_.end(), 0.0F);
        const int from = (first + i) * block_length_;
        const int stop = std::min({from + block_length_, end, static_cast<int>(response.size())});
        std::copy(response.begin() + from, response.begin() + stop, padded_.begin());
        fft_.forward(padded_.data(), real_.data() + i * n_bins_, imag_.data() + i * n_bins_);
    }
}

void Pieces::multiply(const HeardSpectra& heard, int share, int n_shares) {
    const int from = n_bins_ * share / n_shares, n = n_bins_ * (share + 1) / n_shares - from;
    std::fill_n(sum_real_.begin() + from, n, 0.0F);
    std::fill_n(sum_imag_.begin() + from, n, 0.0F);
    for (int i = 0; i < n_pieces_; ++i) {
        const int piece = i * n_bins_ + from;
        add_products(heard.real(i) + from, heard.imag(i) + from, real_.data() + piece, imag_.data() + piece,
                     sum_real_.data() + from, sum_imag_.data() + from, n);
    }
}

void Pieces::play(float* out) {
    if (n_pieces_ == 0) {
        std::fill_n(out, block_length_, 0.0F);
        return;
    }
    fft_.inverse(sum_real_.data(), sum_imag_.data(), padded_.data());
    std::copy_n(padded_.begin() + block_length_, block_length_, out);
}

RoomAnswer::RoomAnswer(double size, int n_heard_places, const Reflections& reflections, const NoisePool& pool) {
    for (int place = 0; place < n_heard_places && size > 0.0; ++place) {
        const std::vector<float> response = room_response(size, place, reflections, pool);
        places_.push_back({Pieces(response, hop_length, 1, Room::long_start),
                           Pieces(response, Room::long_block, 2, static_cast<int>(response.size())),
                           std::vector<float>(Room::long_block), std::vector<float>(Room::long_block)});
    }
}

void RoomAnswer::clear() {
    for (Place& place : places_) std::fill(place.ready.begin(), place.ready.end(), 0.0F);
}

void RoomAnswer::play(const HeardSpectra& early, int phase, Places& wet) {
    for (auto& place : wet) place.fill(0.0F);
    // What was heard up to the hop before makes the first row; that of two long blocks before, the second.
    for (std::size_t at = 0; at < places_.size(); ++at) {
        places_[at].early.multiply(early, 0, 1);
        places_[at].early.play(wet[at].data());
        const float* ready = places_[at].ready.data() + static_cast<std::ptrdiff_t>(phase) * hop_length;
        for (std::size_t i = 0; i < hop_length; ++i) wet[at][i] += ready[i];
    }
}

void RoomAnswer::work(const HeardSpectra& late, int phase) {
    for (Place& place : places_) {
        place.late.multiply(late, phase, Room::hops_per_block);
        if (phase + 1 < Room::hops_per_block) continue;
        place.late.play(place.next.data());
        std::swap(place.ready, place.next);
    }
}

Room::Room(double size, int n_heard_places, const Reflections& reflections, const NoisePool& pool)
    : reflections_(reflections),
      pool_(pool),
      n_heard_places_(n_heard_places),
      early_(hop_length, long_start / hop_length),
      late_(long_block, static_cast<int>(longest_rt60 * sample_rate) / long_block + 1),
      now_(std::make_unique<RoomAnswer>(size, n_heard_places, reflections, pool)) {}

Room::~Room() {
    let_go(prepared_.load());
    let_go(left_.load());
}

void Room::prepare(double size) {
    let_go(left_.exchange(nullptr, std::memory_order_acquire));
    auto made = std::make_unique<RoomAnswer>(size, n_heard_places_, reflections_, pool_);
    let_go(prepared_.exchange(made.release(), std::memory_order_acq_rel));
}

void Room::let_go(RoomAnswer* newest) {
    while (newest != nullptr) {
        const std::unique_ptr<RoomAnswer> gone(newest);
        newest = gone->older;
    }
}

void Room::reset() {
    if (next_) take_next();
    next_.reset(prepared_.exchange(nullptr, std::memory_order_acq_rel));
    if (next_) take_next();
    now_->clear();
    early_.clear();
    late_.clear();
    recent_.fill(0.0F);
    long_recent_.fill(0.0F);
    phase_ = 0;
}

// The one that was played goes back to who prepares.
void Room::take_next() {
    RoomAnswer* left = now_.release();
    left->older = left_.load(std::memory_order_relaxed);
    while (!left_.compare_exchange_weak(left->older, left, std::memory_order_release, std::memory_order_relaxed)) {
    }
    now_ = std::move(next_);
    is_fading_ = false;
}

// What another size answers late is there a long block after it came: then it fades in.
void Room::begin_long_block() {
    if (is_fading_ && fade_hop_ == n_fade_hops) take_next();
    if (next_) {
        is_fading_ = true;
    } else {
        next_.reset(prepared_.exchange(nullptr, std::memory_order_acq_rel));
        fade_hop_ = 0;
    }
    late_.push(long_recent_.data());  // Two whole long blocks lie before the one that is being filled.
}

void Room::hop(const float* dry, float start, float stop, Places& out) {
    if (phase_ == 0) begin_long_block();
    now_->play(early_, phase_, wet_);
    if (is_fading_) {
        next_->play(early_, phase_, next_wet_);
        for (std::size_t place = 0; place < wet_.size(); ++place) {
            for (std::size_t i = 0; i < hop_length; ++i) {
                const float share = (static_cast<float>(fade_hop_) + static_cast<float>(i) / hop_length) / n_fade_hops;
                wet_[place][i] += share * (next_wet_[place][i] - wet_[place][i]);
            }
        }
        ++fade_hop_;
    }
    std::copy(recent_.begin() + hop_length, recent_.end(), recent_.begin());
    std::copy_n(dry, hop_length, recent_.begin() + hop_length);
    early_.push(recent_.data());

    now_->work(late_, phase_);
    if (next_) next_->work(late_, phase_);
    std::copy_n(dry, hop_length,
                long_recent_.begin() + 2 * long_block + static_cast<std::ptrdiff_t>(phase_) * hop_length);
    if (++phase_ == hops_per_block) {
        phase_ = 0;
        std::copy(long_recent_.begin() + long_block, long_recent_.end(), long_recent_.begin());
    }
    for (std::size_t place = 0; place < static_cast<std::size_t>(n_heard_places_); ++place) {
        for (std::size_t i = 0; i < hop_length; ++i) {
            const float gain = start + (stop - start) * (static_cast<float>(i) / hop_length);
            out[place][i] = dry[i] + wet_[place][i] * gain;
        }
    }
}

}  // namespace violute
