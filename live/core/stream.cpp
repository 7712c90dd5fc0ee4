#include "stream.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace violute {

namespace {

constexpr double peak_fade_db = 0.002;   // A frame: what was loud once counts 12 dB less a minute later.
constexpr double voiced_range_db = 55.0;
constexpr double voiced_periodicity = 0.45;
constexpr double carried_periodicity = 0.2;  // From here on a frame says what pitch the attack of a note has.
constexpr float unpitched_hz = 440.0F;
constexpr int longest_bridged_frames = 8;
constexpr double murmur_range_db = 30.0, rest_range_db = 15.0;
constexpr double beside_fall_db = 0.1;
constexpr float gate_step = 0.5F;
constexpr float bend_from = 0.8F;        // Peaks above are bent, so that none reaches 1.
constexpr float largest_sample = 1000.0F;

Quantiles usual_loudness(const VoiceFile& voice) {
    const std::vector<double>& quantiles = voice.doubles("loudness.quantiles");
    Quantiles usual{};
    for (std::size_t i = 0; i < n_quantiles; ++i) usual[i] = 0.5 * (quantiles[i] + quantiles[n_quantiles + i]);
    return usual;
}

void bend(HarmonicStream::Hop& audio) {
    constexpr float room = 1.0F - bend_from;
    for (float& sample : audio) {
        if (!std::isfinite(sample)) sample = 0.0F;  // No recording does that, but a voice made of nonsense might.
        const float above = std::abs(sample) - bend_from;
        if (above > 0.0F) sample = std::copysign(bend_from + room * std::tanh(above / room), sample);
    }
}

// What is no number is silence, and what was never sound is held.
float sound_of(float sample) { return std::isfinite(sample) ? std::clamp(sample, -largest_sample, largest_sample) : 0.0F; }

}  // namespace

HarmonicStream::HarmonicStream(const VoiceFile& voice, const Mix& mix, double room_size, int n_channels)
    : dials_(mix),
      pitch_(voice),
      loudness_n_fft_(static_cast<int>(voice.doubles("loudness.n_fft")[0])),
      spectrum_(loudness_n_fft_),
      loudness_(loudness_n_fft_),
      onsets_(loudness_n_fft_),
      running_loudness_(usual_loudness(voice)),
      conditioning_(voice),
      network_(voice),
      scale_(voice),
      levels_(voice),
      harmonics_(network_.n_harmonics()),
      pool_(voice),
      noise_(pool_),
      n_channels_(n_channels),
      loudest_db_(-std::numeric_limits<double>::infinity()),
      note_db_(silence_db),
      beside_db_(silence_db),
      carried_hz_(unpitched_hz),
      n_unvoiced_(longest_bridged_frames + 1) {
    if (!voice.doubles("search.windows").empty()) search_.emplace(voice);
    heard_.resize(std::max<std::size_t>(CausalPitch::n_fft, search_ ? search_->n_heard() : 0));
    for (int place = 0; place < n_channels && room_size > 0.0; ++place) rooms_.emplace_back(room_size, place, voice, pool_);
}

void HarmonicStream::hop(const float* heard, std::array<Hop, n_places>& out) {
    const Frame frame = analyse(heard);
    follow(frame);
    find_levels(frame, now_);
    if (frame_++ == 0) {
        noise_.begin(now_.noise_power);
        for (Hop& channel : out) channel.fill(0.0F);
        std::swap(before_, now_);
        return;
    }
    const bool leaps = is_leap(before_.f0_hz, now_.f0_hz);
    (harmonics_.*(leaps ? &Harmonics::leap : &Harmonics::glide))(before_.f0_hz, now_.f0_hz, before_.amplitudes,
                                                                now_.amplitudes, harmonic_hop_.data());
    noise_.hop(now_.noise_power, noise_hop_.data());
    for (std::size_t i = 0; i < hop_length; ++i) harmonic_hop_[i] += noise_hop_[i];
    for (std::size_t channel = 0; channel < static_cast<std::size_t>(n_channels_); ++channel) {
        out[channel] = harmonic_hop_;
        if (channel < rooms_.size()) rooms_[channel].hop(out[channel].data(), before_.room, now_.room);
        bend(out[channel]);
    }
    std::swap(before_, now_);
}

HarmonicStream::Frame HarmonicStream::analyse(const float* heard) {
    std::copy(heard_.begin() + hop_length, heard_.end(), heard_.begin());
    std::transform(heard, heard + hop_length, heard_.end() - hop_length, sound_of);
    const std::vector<float>& magnitudes = spectrum_.of(heard_.data() + heard_.size() - static_cast<std::size_t>(loudness_n_fft_));
    const float loudness_db = loudness_.of(magnitudes), strength = onsets_.push(magnitudes);
    const CausalPitch::Frame pitch = find_pitch();
    loudest_db_ = std::max<double>(loudness_db, loudest_db_ - peak_fade_db);
    const bool is_voiced = pitch.periodicity > voiced_periodicity && loudness_db > loudest_db_ - voiced_range_db;
    if (pitch.periodicity > carried_periodicity) carried_hz_ = static_cast<float>(pitch.f0_hz);
    return {carried_hz_, loudness_db, strength, is_voiced};
}

CausalPitch::Frame HarmonicStream::find_pitch() {
    if (!search_) return pitch_.push(heard_.data() + heard_.size() - CausalPitch::n_fft);
    const PitchSearch::Frame found = search_->push(heard_.data() + heard_.size() - search_->n_heard());
    return {found.f0_hz, found.periodicity};
}

// Follow loudness and the gate: gaps that a note bridges, and murmurs that end one, still sound.
void HarmonicStream::follow(const Frame& frame) {
    history_.push(frame.f0_hz, frame.loudness_db, frame.strength);
    if (frame.is_voiced) {
        running_loudness_.add(frame.loudness_db);
        n_unvoiced_ = 0;
        note_db_ = frame.loudness_db;
        beside_db_ = std::max<double>(beside_db_ - beside_fall_db, frame.loudness_db);
    } else if (n_unvoiced_ <= longest_bridged_frames) {
        ++n_unvoiced_;
    }
    running_loudness_.update();
    const bool sounds = n_unvoiced_ <= longest_bridged_frames && frame.loudness_db > note_db_ - murmur_range_db;
    gate_ = std::clamp(gate_ + (sounds ? gate_step : -gate_step), 0.0F, 1.0F);
}

// What the newest frame plays.
void HarmonicStream::find_levels(const Frame& frame, Point& point) {
    for (int end = 0; end < n_ends; ++end)
        conditioning_.describe(history_, running_loudness_, end, features_[static_cast<std::size_t>(end)]);
    point.f0_hz = frame.f0_hz;
    point.room = dials_.at(Dial::room);
    const double attack = dials_.at(Dial::attack), share = history_.attack_share();
    const auto weight = [&](Dial dial) { return scale_.place(dials_.at(dial) + share * (attack - dials_.at(dial))); };
    // In rests noise alone is as loud as the source, up to what breath, bow and room are.
    const bool rests = gate_ <= 0.0F && beside_db_ > silence_db;
    const double loudness_db = rests ? std::min<double>(frame.loudness_db, beside_db_ - rest_range_db) : frame.loudness_db;
    levels_.mix(network_.levels(features_, frame.f0_hz), frame_, {weight(Dial::tone), weight(Dial::noise)}, loudness_db,
                gate_, point);
}

}  // namespace violute
