#include "performance.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace violute {

namespace {

constexpr std::array<double, 2> ends{0.0, 1.0}, unchanged{1.0, 1.0};

}  // namespace

PlayedLine::PlayedLine(const MeasuredLine& measured, int n_frames, int n_harmonics, const NoisePool& pool, std::uint64_t seed)
    : measured_(measured), harmonics_(n_harmonics), noise_(pool, seed), turns_(static_cast<std::size_t>(n_frames), 0.0) {}

void PlayedLine::seek(int frame, const EndDials& dials, double semitones) {
    for (; n_turns_ <= frame; ++n_turns_) {
        const auto at = static_cast<std::size_t>(n_turns_);
        turns_[at] = Harmonics::rendered_turns(turns_[at - 1], measured_.f0_hz(n_turns_ - 1, dials, semitones),
                                               measured_.f0_hz(n_turns_, dials, semitones));
    }
    harmonics_.seek(turns_[static_cast<std::size_t>(frame)]);
    is_sounding_ = false;
}

void PlayedLine::add(int frame, const EndDials& dials, double semitones, const DialScale& scale, const DialScale& gains,
                     float* out) {
    if (measured_.rests(frame) && measured_.rests(frame + 1)) {
        harmonics_.skip(measured_.f0_hz(frame, dials, semitones), measured_.f0_hz(frame + 1, dials, semitones));
        is_sounding_ = false;
        return;
    }
    if (!is_sounding_) {
        measured_.mix(frame, dials, semitones, scale, gains, before_);
        noise_.begin(before_.noise_power, static_cast<std::uint64_t>(frame));
        is_sounding_ = true;
    }
    measured_.mix(frame + 1, dials, semitones, scale, gains, now_);
    const auto played = is_leap(before_.f0_hz, now_.f0_hz) ? &Harmonics::cross_fade : &Harmonics::glide;
    (harmonics_.*played)(before_.f0_hz, now_.f0_hz, before_.amplitudes, now_.amplitudes, hop_.data());
    for (std::size_t i = 0; i < hop_length; ++i) out[i] += hop_[i];
    noise_.hop(now_.noise_power, hop_.data());
    for (std::size_t i = 0; i < hop_length; ++i) out[i] += hop_[i];
    std::swap(before_, now_);
}

Performance::Performance(int n_frames, int n_harmonics, DialScale scale, const NoisePool& pool)
    : n_frames_(n_frames), n_harmonics_(n_harmonics), scale_(std::move(scale)), gains_(ends, unchanged), pool_(pool) {}

std::string_view Performance::add_line(const MeasuredArrays& arrays, int n_rows, std::uint64_t seed) {
    const MeasuredLine measured(arrays, n_frames_, n_rows, n_harmonics_);
    const std::string_view problem = measured.problem();
    if (problem.empty()) lines_.emplace_back(measured, n_frames_, n_harmonics_, pool_, seed);
    return problem;
}

void Performance::turn(EndDials::Name name, double value) {
    const double before = dials_.at(EndDials::vibrato, 0);
    dials_.turn(name, value);
    if (dials_.at(EndDials::vibrato, 0) != before) forget_phases();
}

void Performance::move(EndDials::Name name, std::span<const double> seconds, std::span<const double> values) {
    dials_.move(name, seconds, values);
    forget_phases();
}

void Performance::hold(double mix) {
    dials_.hold(mix);
    forget_phases();
}

void Performance::transpose(double semitones) {
    semitones_ = semitones;
    forget_phases();
}

void Performance::forget_phases() {
    for (PlayedLine& line : lines_) line.forget_phases();
}

void Performance::seek(int sample) {
    position_ = std::clamp(sample, 0, n_samples());
    frame_ = -1;
}

void Performance::play(float* out, int n_samples_wanted) {
    for (int at = 0; at < n_samples_wanted;) {
        if (position_ >= n_samples()) {
            std::fill(out + at, out + n_samples_wanted, 0.0F);
            return;
        }
        const int frame = position_ / hop_length, first = position_ % hop_length;
        if (frame != frame_) enter(frame);
        const int n = std::min(hop_length - first, n_samples_wanted - at);
        std::copy_n(hop_.begin() + first, n, out + at);
        at += n;
        position_ += n;
    }
}

void Performance::enter(int frame) {
    const bool goes_on = frame_ >= 0 && frame == frame_ + 1;
    frame_ = frame;
    hop_.fill(0.0F);
    for (PlayedLine& line : lines_) {
        if (!goes_on) line.seek(frame, dials_, semitones_);
        line.add(frame, dials_, semitones_, scale_, gains_, hop_.data());
    }
    for (float& sample : hop_)
        if (!std::isfinite(sample)) sample = 0.0F;  // No recording does that, but a damaged one might.
}

}  // namespace violute
