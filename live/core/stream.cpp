#include "stream.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "output.hpp"

namespace violute {

namespace {

constexpr double peak_fade_db = 0.002;   // A frame: what was loud once counts 12 dB less a minute later.
constexpr double voiced_range_db = 55.0;
constexpr double voiced_periodicity = 0.45;
constexpr double carried_periodicity = 0.2;  // From here on a frame says what pitch the attack of a note has.
constexpr double murmur_range_db = 30.0, rest_range_db = 15.0;
constexpr double beside_fall_db = 0.1;
constexpr float gate_step = 0.5F;
constexpr float bend_from = 0.8F;        // Peaks above are bent, so that none reaches 1.

Quantiles usual_loudness(const VoiceFile& voice) {
    const std::vector<double>& quantiles = voice.doubles("loudness.quantiles");
    Quantiles usual{};
    for (std::size_t i = 0; i < n_quantiles; ++i) usual[i] = 0.5 * (quantiles[i] + quantiles[n_quantiles + i]);
    return usual;
}

Reflections reflections_of(const VoiceFile& voice) {
    return {voice.doubles("room.arrivals"), voice.doubles("room.signs")};
}

void bend(HarmonicStream::Hop& audio) {
    constexpr float room = 1.0F - bend_from;
    for (float& sample : audio) {
        if (!std::isfinite(sample)) sample = 0.0F;  // No recording does that, but a voice made of nonsense might.
        const float above = std::abs(sample) - bend_from;
        if (above > 0.0F) sample = std::copysign(bend_from + room * std::tanh(above / room), sample);
    }
}

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
      scale_(voice.doubles("dial.mixes"), voice.doubles("dial.hz"), voice.doubles("dial.places")),
      levels_(voice),
      harmonics_(network_.n_harmonics()),
      pool_(voice.integers("noise.state")),
      noise_(pool_),
      room_(room_size, n_channels, reflections_of(voice), pool_),
      n_channels_(n_channels) {
    if (!voice.doubles("search.windows").empty()) search_.emplace(voice);
    heard_.resize(std::max<std::size_t>(CausalPitch::n_fft, search_ ? search_->n_heard() : 0));
}

void HarmonicStream::reset() {
    pitch_.reset();
    if (search_) search_->reset();
    onsets_.reset();
    running_loudness_.reset();
    harmonics_.reset();
    noise_.reset();
    room_.reset();
    std::fill(heard_.begin(), heard_.end(), 0.0F);
    memory_ = Memory{};
}

void HarmonicStream::hop(const float* heard, Places& out) {
    const Frame frame = analyse(heard);
    follow(frame);
    find_levels(frame, memory_.now);
    if (memory_.frame++ == 0) {
        noise_.begin(memory_.now.noise_power);
        for (Hop& channel : out) channel.fill(0.0F);
        std::swap(memory_.before, memory_.now);
        return;
    }
    const bool leaps = is_leap(memory_.before.f0_hz, memory_.now.f0_hz);
    (harmonics_.*(leaps ? &Harmonics::leap : &Harmonics::glide))(memory_.before.f0_hz, memory_.now.f0_hz, memory_.before.amplitudes,
                                                                memory_.now.amplitudes, harmonic_hop_.data());
    noise_.hop(memory_.now.noise_power, noise_hop_.data());
    for (std::size_t i = 0; i < hop_length; ++i) harmonic_hop_[i] += noise_hop_[i];
    room_.hop(harmonic_hop_.data(), memory_.before.room, memory_.now.room, out);
    for (std::size_t channel = 0; channel < static_cast<std::size_t>(n_channels_); ++channel) bend(out[channel]);
    std::swap(memory_.before, memory_.now);
}

HarmonicStream::Frame HarmonicStream::analyse(const float* heard) {
    std::copy(heard_.begin() + hop_length, heard_.end(), heard_.begin());
    std::transform(heard, heard + hop_length, heard_.end() - hop_length, sound_of);
    const std::vector<float>& magnitudes = spectrum_.of(heard_.data() + heard_.size() - static_cast<std::size_t>(loudness_n_fft_));
    const float loudness_db = loudness_.of(magnitudes), strength = onsets_.push(magnitudes);
    const CausalPitch::Frame pitch = find_pitch();
    memory_.loudest_db = std::max<double>(loudness_db, memory_.loudest_db - peak_fade_db);
    const bool is_voiced = pitch.periodicity > voiced_periodicity && loudness_db > memory_.loudest_db - voiced_range_db;
    if (pitch.periodicity > carried_periodicity) memory_.carried_hz = static_cast<float>(pitch.f0_hz);
    return {memory_.carried_hz, loudness_db, strength, is_voiced};
}

CausalPitch::Frame HarmonicStream::find_pitch() {
    if (!search_) return pitch_.push(heard_.data() + heard_.size() - CausalPitch::n_fft);
    const PitchSearch::Frame found = search_->push(heard_.data() + heard_.size() - search_->n_heard());
    return {found.f0_hz, found.periodicity};
}

// Follow loudness and the gate: gaps that a note bridges, and murmurs that end one, still sound.
void HarmonicStream::follow(const Frame& frame) {
    memory_.history.push(frame.f0_hz, frame.loudness_db, frame.strength);
    if (frame.is_voiced) {
        running_loudness_.add(frame.loudness_db);
        memory_.n_unvoiced = 0;
        memory_.note_db = frame.loudness_db;
        memory_.beside_db = std::max<double>(memory_.beside_db - beside_fall_db, frame.loudness_db);
    } else if (memory_.n_unvoiced <= longest_bridged_frames) {
        ++memory_.n_unvoiced;
    }
    running_loudness_.update();
    const bool sounds = memory_.n_unvoiced <= longest_bridged_frames && frame.loudness_db > memory_.note_db - murmur_range_db;
    memory_.gate = std::clamp(memory_.gate + (sounds ? gate_step : -gate_step), 0.0F, 1.0F);
}

// What the newest frame plays.
void HarmonicStream::find_levels(const Frame& frame, Point& point) {
    for (int end = 0; end < n_ends; ++end)
        conditioning_.describe(memory_.history, running_loudness_, end, features_[static_cast<std::size_t>(end)]);
    point.f0_hz = frame.f0_hz;
    point.room = dials_.at(Dial::room);
    const double attack = dials_.at(Dial::attack), share = memory_.history.attack_share();
    const auto weight = [&](Dial dial) {
        return scale_.place(dials_.at(dial) + share * (attack - dials_.at(dial)), frame.f0_hz);
    };
    // In rests noise alone is as loud as the source, up to what breath, bow and room are.
    const bool rests = memory_.gate <= 0.0F && memory_.beside_db > silence_db;
    const double loudness_db = rests ? std::min<double>(frame.loudness_db, memory_.beside_db - rest_range_db) : frame.loudness_db;
    levels_.mix(network_.levels(features_, frame.f0_hz), memory_.frame, {weight(Dial::tone), weight(Dial::noise)}, loudness_db,
                memory_.gate, point);
}

}  // namespace violute
