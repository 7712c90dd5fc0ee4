#include "player.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <system_error>
#include <utility>

namespace violute {

namespace {

constexpr float least_change_of_room = 0.004F;
constexpr auto between_rooms = std::chrono::milliseconds(30);
constexpr double warming_seconds = 0.15, fading_seconds = 0.05;  // In which a stream hears before it is heard.
constexpr double peak_fall_seconds = 0.3;

}  // namespace

Player::Player() {
    for (std::size_t i = 0; i < n_parameters; ++i) values_[i] = ranges[i].usual;
}

Player::~Player() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stopping_.notify_all();
    if (rooms_.joinable()) rooms_.join();
    let_go(prepared_.load());
    let_go(left_.load());
}

void Player::set(Parameter parameter, float value) {
    const Range& range = range_of(parameter);
    if (value == value) values_[index_of(parameter)] = std::clamp(value, range.lowest, range.highest);
}

float Player::get(Parameter parameter) const { return values_[index_of(parameter)]; }

int Player::latency() const {
    const std::lock_guard lock(mutex_);
    return violute_live_latency_at(rate_);
}

void Player::set_rate(double sample_rate) {
    const std::lock_guard lock(mutex_);
    const auto rate = static_cast<int>(std::lround(sample_rate));
    if (rate == rate_) return;
    rate_ = rate;
    forget_streams();
}

void Player::forget_streams() {
    now_.reset();
    next_.reset();
    let_go(prepared_.exchange(nullptr));
    let_go(left_.exchange(nullptr));
    newest_ = nullptr;
}

void Player::begin() {
    try {
        if (!rooms_.joinable()) rooms_ = std::thread([this] { prepare_rooms(); });
    } catch (const std::system_error&) {
        // The machine has no thread left: until we begin anew, the room keeps its size.
    }
    resize_room();
    const std::lock_guard lock(mutex_);
    if (Stream* other = prepared_.exchange(nullptr)) next_.reset(other);
    if (next_) now_ = std::move(next_);
    if (!now_) now_ = opened_stream();
    newest_ = now_.get();
    if (now_) {
        turn_dials(*now_);
        violute_live_reset(now_->live);
    }
    peak_ = 0.0F;
}

std::unique_ptr<Player::Stream> Player::opened_stream() const {
    const float size = get(Parameter::room);
    const std::span<const char> bytes = voice_.bytes();
    violute_live* live = violute_live_open(bytes.data(), bytes.size(), rate_, size, 2, nullptr, 0);
    if (live == nullptr) return nullptr;
    auto stream = std::make_unique<Stream>(live, size);
    turn_dials(*stream);
    return stream;
}

void Player::choose(const std::string& path) {
    Voice voice = read_voice(path);
    const std::lock_guard lock(mutex_);
    if (!voice.problem.empty()) {
        // A project that was moved keeps what it was made with, for the machine where the file is.
        if (voice_.path.empty()) remembered_ = path;
        return;
    }
    remembered_ = voice.path;
    if (voice.path == voice_.path && voice.file == voice_.file) return;
    voice_ = std::move(voice);
    if (newest_ == nullptr) return;
    std::unique_ptr<Stream> stream = opened_stream();
    if (!stream) return;
    newest_ = stream.get();
    let_go(left_.exchange(nullptr));
    let_go(prepared_.exchange(stream.release()));
}

std::string Player::chosen() const {
    const std::lock_guard lock(mutex_);
    return remembered_;
}

void Player::prepare_rooms() {
    std::unique_lock lock(mutex_);
    while (!stopping_.wait_for(lock, between_rooms, [this] { return is_stopping_; })) {
        lock.unlock();
        resize_room();
        lock.lock();
    }
}

// What nobody hears goes here as well, since its thread may wait.
void Player::resize_room() {
    const std::lock_guard lock(mutex_);
    let_go(left_.exchange(nullptr));
    const float size = get(Parameter::room);
    if (newest_ == nullptr || std::abs(size - newest_->room_size) < least_change_of_room) return;
    if (violute_live_resize_room(newest_->live, size) != 0) newest_->room_size = size;
}

void Player::let_go(Stream* newest) {
    while (newest != nullptr) {
        const std::unique_ptr<Stream> gone(newest);
        newest = gone->older;
    }
}

void Player::turn_dials(const Stream& stream) const {
    const float mix = get(Parameter::mix);
    violute_live_turn(stream.live, VIOLUTE_TONE, mix + get(Parameter::tone));
    violute_live_turn(stream.live, VIOLUTE_NOISE, mix + get(Parameter::noise));
    violute_live_turn(stream.live, VIOLUTE_ATTACK, mix + get(Parameter::attack));
    violute_live_turn(stream.live, VIOLUTE_ROOM, get(Parameter::room));
    violute_live_turn(stream.live, VIOLUTE_WET, get(Parameter::wet));
    violute_live_level(stream.live, get(Parameter::level));
    violute_live_bypass(stream.live, get(Parameter::bypass) > 0.5F);
}

void Player::play(const float* const* in, float* const* out, int n_samples) {
    if (!next_) {
        next_.reset(prepared_.exchange(nullptr));
        n_waited_ = 0;
    }
    if (!now_) now_ = std::move(next_);
    if (now_) turn_dials(*now_);
    if (next_) turn_dials(*next_);
    for (int at = 0; at < n_samples; at += chunk_samples)
        play_chunk(in[0] + at, in[1] + at, out[0] + at, out[1] + at, std::min(chunk_samples, n_samples - at));
    follow_peak(out[0], out[1], n_samples);
}

void Player::play_chunk(const float* left, const float* right, float* out_left, float* out_right, int n_samples) {
    if (!now_) {  // At a rate that no voice plays at, what came goes through.
        std::transform(left, left + n_samples, out_left,
                       [](float sample) { return std::isfinite(sample) ? sample : 0.0F; });
        std::transform(right, right + n_samples, out_right,
                       [](float sample) { return std::isfinite(sample) ? sample : 0.0F; });
        return;
    }
    if (next_) violute_live_process_stereo(next_->live, left, right, other_[0].data(), other_[1].data(), n_samples);
    violute_live_process_stereo(now_->live, left, right, out_left, out_right, n_samples);
    if (!next_) return;
    const double warming = warming_seconds * rate_, fading = fading_seconds * rate_;
    for (int i = 0; i < n_samples; ++i, ++n_waited_) {
        const auto share = static_cast<float>(std::clamp((n_waited_ - warming) / fading, 0.0, 1.0));
        out_left[i] += share * (other_[0][static_cast<std::size_t>(i)] - out_left[i]);
        out_right[i] += share * (other_[1][static_cast<std::size_t>(i)] - out_right[i]);
    }
    if (n_waited_ < warming + fading) return;
    Stream* left_behind = now_.release();
    left_behind->older = left_.load();
    while (!left_.compare_exchange_weak(left_behind->older, left_behind)) {
    }
    now_ = std::move(next_);
}

void Player::follow_peak(const float* left, const float* right, int n_samples) {
    peak_ *= static_cast<float>(std::exp(-n_samples / (peak_fall_seconds * std::max(rate_, 1))));
    for (int i = 0; i < n_samples; ++i) peak_ = std::max({peak_, std::abs(left[i]), std::abs(right[i])});
    set(Parameter::peak, 20.0F * std::log10(std::max(peak_, 1e-6F)));
}

}  // namespace violute
