#include "violute_live.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "interface.hpp"
#include "mix.hpp"
#include "output.hpp"
#include "rates.hpp"
#include "resampler.hpp"
#include "stream.hpp"
#include "voice_file.hpp"

namespace {

using violute::hop_length;
using violute::n_places;
using Sample = violute::Output::Sample;

constexpr double cutoff_hz = 20300.0;
constexpr double reach_samples = 32.0;  // Of the filters between rates, at the core's rate.

bool is_room_size(float size) { return size >= 0.0F && size <= 1.0F; }

std::string problem_with(int sample_rate, float room_size, int n_channels) {
    if (sample_rate < VIOLUTE_LOWEST_RATE || sample_rate > VIOLUTE_HIGHEST_RATE)
        return "a sample rate of " + std::to_string(sample_rate) + " Hz came: give " VIOLUTE_RATES;
    if (!is_room_size(room_size)) return "the size of the room is none from 0 to 1";
    if (n_channels < 1 || n_channels > n_places) return std::to_string(n_channels) + " channels were asked for: give 1 or 2";
    return {};
}

}  // namespace

struct violute_live {
    violute_live(violute::VoiceFile&& read, int rate, double room_size, int channels)
        : voice(std::move(read)),
          sample_rate(rate),
          n_channels(channels),
          latency(latency_at(rate)),
          stream(voice, mix, room_size, channels),
          output(mix, rate, latency) {
        if (rate == violute::sample_rate) return;
        const double ratio = static_cast<double>(rate) / violute::sample_rate;
        down = std::make_unique<violute::FractionalReader>(latency - inside_samples * ratio, reach_samples * ratio,
                                                           cutoff_hz / rate);
        for (int channel = 0; channel < channels; ++channel)
            up.emplace_back(reach_samples, reach_samples, cutoff_hz / violute::sample_rate);
        reset();
    }

    static constexpr double inside_samples = violute::latency_samples + reach_samples;

    static int latency_at(int rate) {
        const double ratio = static_cast<double>(rate) / violute::sample_rate;
        if (rate == violute::sample_rate) return violute::latency_samples;
        return static_cast<int>(std::ceil(inside_samples * ratio + reach_samples * ratio));
    }

    void reset() {
        stream.reset();
        output.reset();
        if (down) down->reset();
        for (violute::FractionalReader& reader : up) reader.reset();
        phase = sample_rate - violute::sample_rate;  // So that both rates begin together.
        place = 0;
        for (auto& channel : played) channel.fill(0.0F);
    }

    // Take a sample at the core's rate, and play one of each channel.
    Sample play(float sample) {
        Sample out{played[0][place], played[1][place]};
        heard[place] = sample;
        if (++place == hop_length) {
            place = 0;
            stream.hop(heard.data(), played);
        }
        return out;
    }

    // The same at the rate of the host: it is time for a sample of the core once its moment has passed.
    Sample play_resampled(float sample) {
        down->push(violute::sound_of(sample));
        // `phase` counts from the newest sample of the core to this one, in shares of 1 / sample_rate.
        phase += violute::sample_rate;
        if (phase >= sample_rate) {
            phase -= sample_rate;
            const Sample made = play(down->read(static_cast<double>(phase) / violute::sample_rate));
            for (std::size_t channel = 0; channel < up.size(); ++channel) up[channel].push(made[channel]);
        }
        Sample out{};
        for (std::size_t channel = 0; channel < up.size(); ++channel)
            out[channel] = std::clamp(up[channel].read(-static_cast<double>(phase) / sample_rate), -1.0F, 1.0F);
        return out;
    }

    // Take a sample of each side and the mean of both, and play one of each channel.
    Sample play(const Sample& came, float mean) {
        Sample hybrid = down ? play_resampled(mean) : play(mean);
        if (n_channels == 1) hybrid[1] = hybrid[0];
        return output.play(came, hybrid);
    }

    violute::VoiceFile voice;
    violute::Mix mix;
    int sample_rate, n_channels, latency, phase = 0;
    violute::HarmonicStream stream;
    violute::Output output;
    std::unique_ptr<violute::FractionalReader> down;
    std::vector<violute::FractionalReader> up;
    std::size_t place = 0;
    violute::HarmonicStream::Hop heard{};
    violute::Places played{};
};

violute_live* violute_live_open(const void* content, size_t n_bytes, int sample_rate, float room_size, int n_channels,
                                char* problem, size_t n_problem) {
    try {
        violute::VoiceFile voice;
        std::string found = problem_with(sample_rate, room_size, n_channels);
        if (found.empty()) found = voice.read(content, n_bytes);
        violute::tell(problem, n_problem, found);
        if (!found.empty()) return nullptr;
        return new violute_live(std::move(voice), sample_rate, room_size, n_channels);
    } catch (const std::exception&) {  // None leaves through an interface in C.
        violute::tell(problem, n_problem, "there is not enough memory for the voice: close other programs");
        return nullptr;
    }
}

void violute_live_close(violute_live* live) { delete live; }

const char* violute_live_card(const violute_live* live) { return live->voice.card().c_str(); }

int violute_live_latency(const violute_live* live) { return live->latency; }

int violute_live_latency_at(int sample_rate) {
    return sample_rate < VIOLUTE_LOWEST_RATE || sample_rate > VIOLUTE_HIGHEST_RATE ? 0 : violute_live::latency_at(sample_rate);
}

void violute_live_turn(violute_live* live, int dial, float value) {
    if (dial >= 0 && dial < violute::n_dials) live->mix.set(static_cast<violute::Dial>(dial), value);
}

void violute_live_level(violute_live* live, float level_db) { live->output.set_level(level_db); }

void violute_live_bypass(violute_live* live, int is_bypassed) { live->output.set_bypass(is_bypassed != 0); }

int violute_live_resize_room(violute_live* live, float room_size) {
    if (!is_room_size(room_size)) return 0;
    try {
        live->stream.prepare_room(room_size);
        return 1;
    } catch (const std::exception&) {
        return 0;
    }
}

void violute_live_reset(violute_live* live) { live->reset(); }

void violute_live_process(violute_live* live, const float* in, float* left, float* right, int n_samples) {
    const violute::NoDenormals flushed;
    for (int i = 0; i < n_samples; ++i) {
        const Sample out = live->play({in[i], in[i]}, in[i]);
        left[i] = out[0];
        if (right != nullptr) right[i] = out[1];
    }
}

void violute_live_process_stereo(violute_live* live, const float* in_left, const float* in_right, float* left,
                                 float* right, int n_samples) {
    const violute::NoDenormals flushed;
    for (int i = 0; i < n_samples; ++i) {
        const Sample out = live->play({in_left[i], in_right[i]}, 0.5F * (in_left[i] + in_right[i]));
        left[i] = out[0];
        right[i] = out[1];
    }
}
