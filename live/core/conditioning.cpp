#include "conditioning.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"
#include "onsets.hpp"

namespace violute {

namespace {

constexpr std::array<double, 3> onset_seconds = {0.03, 0.1, 0.4};  // In which the memory of an attack fades.
constexpr std::array<double, 2> slur_seconds = {0.05, 0.2};        // And that of a change of pitch.
constexpr float slur_cents = 80.0F;
constexpr int slur_frames = 3;
constexpr double loudness_scale_db = 20.0, slope_scale_db = 10.0;
constexpr int slope_frames = 5, recent_frames = 30;
constexpr double range_margin_semitones = 3.0;  // Beyond the notes heard in training.
constexpr float attack_hold_frames = 5.0F, attack_fade_frames = 8.0F;

template <class Values>
void append(Values& values, typename Values::value_type newest, int& n_frames) {
    if (n_frames == history_frames) {
        std::move(values.begin() + 1, values.end(), values.begin());
        values.back() = newest;
    } else {
        values[static_cast<std::size_t>(n_frames)] = newest;
    }
}

}  // namespace

void History::push(float newest_hz, float newest_db, float newest_strength) {
    append(f0_hz, newest_hz, n_frames);
    append(loudness_db, newest_db, n_frames);
    append(strength, newest_strength, n_frames);
    n_frames = std::min(n_frames + 1, history_frames);
    pick_onsets(strength.data(), n_frames, is_onset.data());
}

float History::attack_share() const {
    for (int age = 0; age < n_frames; ++age) {
        if (is_onset[static_cast<std::size_t>(n_frames - 1 - age)])
            return std::clamp(1.0F - (static_cast<float>(age) - attack_hold_frames) / attack_fade_frames, 0.0F, 1.0F);
    }
    return 0.0F;
}

Conditioning::Conditioning(const VoiceFile& voice)
    : quantiles_(voice.doubles("loudness.quantiles")),
      range_hz_(voice.doubles("pitch.range_hz")),
      registers_midi_(voice.doubles("registers.midi")),
      register_width_(voice.doubles("registers.width")[0]) {}

void Conditioning::describe(const History& history, const RunningLoudness& loudness, int end, Features& features) {
    const LoudnessMap adapted(loudness.own_db, quantiles_.subspan(static_cast<std::size_t>(end) * n_quantiles, n_quantiles));
    const double margin = std::exp2(range_margin_semitones / 12.0);
    const auto lowest_hz = static_cast<float>(range_hz_[static_cast<std::size_t>(2 * end)] / margin);
    const auto highest_hz = static_cast<float>(range_hz_[static_cast<std::size_t>(2 * end + 1)] * margin);
    const int n = history.n_frames;
    const int first_seen = n - seen_frames;  // Below 0 where there are fewer.
    // The features of the frames that are seen reach so far back, in loudness and in changes of pitch.
    const int first = std::max(first_seen - recent_frames, 0);
    for (int i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(i);
        f0_hz_[at] = std::clamp(history.f0_hz[at], lowest_hz, highest_hz);
        octaves_[at] = i > 0 && f0_hz_[at] == f0_hz_[at - 1] ? octaves_[at - 1] : std::log2(f0_hz_[at]);
        if (i >= first)
            loudness_db_[at] = std::clamp(adapted(history.loudness_db[at] - loudness.reference_db), -60.0, 10.0);
    }
    int since_onset = -1, since_slur = -1;  // Frames; below 0 before the first.
    for (int i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const auto earlier = static_cast<std::size_t>(std::max(i - slur_frames, 0));
        since_onset = history.is_onset[at] ? 0 : since_onset < 0 ? -1 : since_onset + 1;
        const bool is_slur = std::abs(1200.0F * (octaves_[at] - octaves_[earlier])) > slur_cents;
        since_slur = is_slur ? 0 : since_slur < 0 ? -1 : since_slur + 1;
        if (i < first_seen) continue;
        auto& row = features[static_cast<std::size_t>(i - first_seen)];
        const double midi = 69.0 + 12.0 * (octaves_[at] - std::log2(440.0));
        std::size_t column = 0;
        row[column++] = static_cast<float>((midi - 74.0) / 12.0);
        for (const double centre : registers_midi_) {
            const auto away = static_cast<float>((midi - centre) / register_width_);
            row[column++] = fast_exp(-0.5F * away * away);
        }
        const double now_db = loudness_db_[at];
        double sum_db = 0.0;
        const int start = std::max(i + 1 - recent_frames, 0);
        for (int j = start; j <= i; ++j) sum_db += loudness_db_[static_cast<std::size_t>(j)];
        row[column++] = static_cast<float>(now_db / loudness_scale_db + 0.5);
        const double before_db = loudness_db_[static_cast<std::size_t>(std::max(i - slope_frames, 0))];
        row[column++] = static_cast<float>((now_db - before_db) / slope_scale_db);
        row[column++] = static_cast<float>(sum_db / (i + 1 - start) / loudness_scale_db + 0.5);
        const auto fading = [&](int age, double seconds) {
            return age < 0 ? 0.0F : fast_exp(static_cast<float>(-age / frame_rate_hz / seconds));
        };
        for (const double seconds : onset_seconds) row[column++] = fading(since_onset, seconds);
        for (const double seconds : slur_seconds) row[column++] = fading(since_slur, seconds);
    }
    for (int i = 0; i < -first_seen; ++i)
        features[static_cast<std::size_t>(i)] = features[static_cast<std::size_t>(-first_seen)];
}

}  // namespace violute
