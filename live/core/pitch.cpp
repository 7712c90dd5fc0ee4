#include "pitch.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"
#include "loudness.hpp"
#include "rates.hpp"

namespace violute {

namespace {

constexpr std::array<int, 3> window_lengths = {512, 1024, 2048};
constexpr std::size_t shortest = 0, middle = 1, longest = 2, before = 3;
constexpr double bin_hz = static_cast<double>(sample_rate) / CausalPitch::n_fft;
constexpr double lowest_hz = 160.0, highest_hz = 3900.0;
constexpr float floor_db = -127.0F, range_db = 80.0F, step_db = 40.0F;
constexpr double loudest_fade_db = 0.002;
constexpr std::size_t near_bins = 3;
constexpr float likely = 0.6F, still_likely = 0.1F;  // Belief near a new note, and near the one before.
constexpr double long_below_hz = 400.0;  // Below it only the longest window tells harmonics from noise.
constexpr int refining_harmonics = 5;
constexpr double refining_reach = 0.03;

// Where each row of levels is looked at, in multiples of the candidate: partials, and between them.
const std::array<std::vector<double>, 4> multiples = {{
    {1, 2, 3, 4, 5, 6},
    {1, 2, 3, 4, 5, 6, 8, 1.0 / 3, 1.0 / 2, 2.0 / 3, 4.0 / 3, 3.0 / 2, 5.0 / 2},
    {1, 2, 3, 4, 5, 6, 8, 1.0 / 3, 1.0 / 2, 2.0 / 3, 4.0 / 3, 3.0 / 2, 5.0 / 2},
    {1, 2, 3, 4, 5, 6, 8},
}};

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// out = relu(weights in + bias), for every column; each of `n_out` biases serves a row.
VIOLUTE_VECTORS void layer(const float* __restrict weights, const float* __restrict bias, int n_out, int n_in,
                           int n_columns, const float* __restrict in, float* __restrict out) {
    for (int row = 0; row < n_out; ++row, out += n_columns) {
        for (int column = 0; column < n_columns; ++column) out[column] = bias[row];
        for (int i = 0; i < n_in; ++i) {
            const float weight = weights[row * n_in + i];
            const float* source = in + i * n_columns;
            for (int column = 0; column < n_columns; ++column) out[column] += weight * source[column];
        }
        for (int column = 0; column < n_columns; ++column) out[column] = std::max(out[column], 0.0F);
    }
}

}  // namespace

std::map<std::string, std::size_t> CausalPitch::sizes() {
    return {{"pitch.own", n_first * n_own},
            {"pitch.first", n_first},
            {"pitch.shared", n_first * n_shared},
            {"pitch.second", n_second * n_first},
            {"pitch.second_bias", n_second},
            {"pitch.last", n_second},
            {"pitch.change", n_inner * n_shared},
            {"pitch.change_bias", n_inner},
            {"pitch.leap", n_inner},
            {"pitch.leap_bias", 1},
            {"pitch.glide", n_glide},
            {"pitch.salience", n_telling * n_candidates}};
}

CausalPitch::CausalPitch(const VoiceFile& voice)
    : weights_{voice.floats("pitch.own"),          voice.floats("pitch.first"),
               voice.floats("pitch.shared"),       voice.floats("pitch.second"),
               voice.floats("pitch.second_bias"),  voice.floats("pitch.last"),
               voice.floats("pitch.change"),       voice.floats("pitch.change_bias"),
               voice.floats("pitch.leap"),         voice.floats("pitch.leap_bias"),
               voice.floats("pitch.glide"),        voice.floats("pitch.salience")},
      fft_(n_fft),
      framed_(n_fft),
      real_(n_fft / 2 + 1),
      imag_(n_fft / 2 + 1),
      salience_(n_fft, lowest_hz, highest_hz),
      own_(n_own * n_candidates),
      first_(n_first * n_candidates),
      second_(n_second * n_candidates) {
    for (std::size_t i = 0; i < n_windows; ++i) {
        windows_[i] = hann(window_lengths[i]);
        for (float& value : windows_[i]) value *= 4.0F / static_cast<float>(window_lengths[i]);
    }
    for (std::size_t i = 0; i < n_candidates; ++i) {
        candidates_hz_[i] = lowest_hz * std::exp2(static_cast<double>(i) / Salience::bins_per_octave);
        const double place = -1.0 + 2.0 * static_cast<double>(i) / (n_candidates - 1);
        own_[(n_own - 2) * n_candidates + i] = static_cast<float>(place);
        own_[(n_own - 1) * n_candidates + i] = own_[(n_own - 2) * n_candidates + i] * own_[(n_own - 2) * n_candidates + i];
    }
    for (std::size_t row = 0; row < n_rows; ++row) {
        // All that lies above the bins is looked up behind them, where it is silent.
        std::fill_n(rows_.begin() + static_cast<long>(row) * row_length + n_bins, 2, -range_db / step_db);
        for (const double multiple : multiples[row]) {
            for (const double hz : candidates_hz_) {
                const double bin = multiple * (hz / bin_hz);
                const double held = bin > n_bins - 1 ? n_bins : bin;
                const double low = std::floor(held);
                below_.push_back(row * row_length + static_cast<std::size_t>(low));
                above_.push_back(static_cast<float>(held - low));
            }
        }
    }
    reset();
}

void CausalPitch::reset() {
    loudest_db_ = floor_db;
    for (auto& levels : recent_db_) levels.fill(floor_db);
    recent_power_db_.fill(10.0 * std::log10(n_bins * std::pow(10.0, 0.1 * floor_db)));
    belief_.fill(1.0F / n_candidates);
    best_ = 0;
}

CausalPitch::Frame CausalPitch::push(const float* heard) {
    measure(heard);
    describe();
    judge();
    believe();
    best_ = likeliest();
    const double f0_hz = refined_hz(candidates_hz_[best_]);
    return {f0_hz, periodicity(f0_hz)};
}

// Levels of the spectra of the windows that end with the sound, in dB of a full sine.
void CausalPitch::measure(const float* heard) {
    const float least = std::pow(10.0F, 0.1F * floor_db);
    for (std::size_t window = 0; window < n_windows; ++window) {
        const std::vector<float>& shape = windows_[window];
        const float* newest = heard + n_fft - shape.size();
        for (std::size_t i = 0; i < shape.size(); ++i) framed_[i] = newest[i] * shape[i];
        std::fill(framed_.begin() + static_cast<long>(shape.size()), framed_.end(), 0.0F);
        fft_.forward(framed_.data(), real_.data(), imag_.data());
        double sum = 0.0;
        for (std::size_t k = 0; k < n_bins; ++k) {
            const float power = std::max(real_[k] * real_[k] + imag_[k] * imag_[k], least);
            levels_db_[window][k] = std::max(10.0F * std::log10(power), floor_db);
            power_[window][k] = power;
            sum += power;
        }
        power_db_[window] = 10.0 * std::log10(sum);
    }
    std::rotate(recent_db_.begin(), recent_db_.begin() + 1, recent_db_.end());
    std::rotate(recent_power_db_.begin(), recent_power_db_.begin() + 1, recent_power_db_.end());
    recent_db_.back() = levels_db_[middle];
    recent_power_db_.back() = power_db_[middle];
}

void CausalPitch::describe() {
    const double frame_db = power_db_[middle];
    loudest_db_ = std::max(frame_db, loudest_db_ - loudest_fade_db);
    const auto level_row = [&](std::size_t row, const std::array<float, n_bins>& levels_db) {
        float* out = rows_.data() + row * row_length;
        for (std::size_t k = 0; k < n_bins; ++k)
            out[k] = std::clamp(levels_db[k] - static_cast<float>(frame_db), -range_db, range_db) / step_db;
    };
    for (std::size_t window = 0; window < n_windows; ++window) level_row(window, levels_db_[window]);
    level_row(before, recent_db_.front());
    double risen = 0.0, fallen = 0.0, level = 0.0;
    for (std::size_t k = 0; k < n_bins; ++k) {
        const float now = rows_[middle * row_length + k], change = now - rows_[before * row_length + k];
        (change > 0.0F ? risen : fallen) += change;
        level += now;
    }
    const std::array<double, n_shared> shared = {(frame_db - loudest_db_) / 20.0,
                                                 (frame_db - recent_power_db_.front()) / 10.0,
                                                 (power_db_[shortest] - frame_db) / 10.0,
                                                 (frame_db - power_db_[longest]) / 10.0,
                                                 4.0 * risen / n_bins,
                                                 -4.0 * fallen / n_bins,
                                                 level / n_bins};
    for (std::size_t i = 0; i < n_shared; ++i) shared_[i] = std::clamp(static_cast<float>(shared[i]), -3.0F, 3.0F);
    for (std::size_t i = 0; i < below_.size(); ++i) {
        const float low = rows_[below_[i]];
        own_[i] = low + above_[i] * (rows_[below_[i] + 1] - low);
    }
    std::size_t row = first_salience;
    for (const std::size_t window : {middle, longest}) {
        for (std::size_t k = 0; k < n_bins; ++k) magnitudes_[k] = std::sqrt(power_[window][k]);
        const std::vector<float>& salience = salience_.of(magnitudes_.data());
        for (std::size_t i = 0; i < n_candidates; ++i) own_[row * n_candidates + i] = 2.0F * salience[i];
        ++row;
    }
}

// How well each candidate fits the frame.
void CausalPitch::judge() {
    std::array<float, n_first> bias{};
    for (std::size_t row = 0; row < n_first; ++row) {
        bias[row] = weights_.first[row];
        for (std::size_t i = 0; i < n_shared; ++i) bias[row] += weights_.shared[row * n_shared + i] * shared_[i];
    }
    layer(weights_.own.data(), bias.data(), n_first, n_own, n_candidates, own_.data(), first_.data());
    layer(weights_.second.data(), weights_.second_bias.data(), n_second, n_first, n_candidates, first_.data(),
          second_.data());
    for (std::size_t i = 0; i < n_candidates; ++i) {
        logits_[i] = 0.0F;
        for (std::size_t j = 0; j < n_telling; ++j)
            logits_[i] += weights_.salience[j * n_candidates + i] * own_[(first_salience + j) * n_candidates + i];
    }
    for (std::size_t row = 0; row < n_second; ++row)
        for (std::size_t i = 0; i < n_candidates; ++i) logits_[i] += weights_.last[row] * second_[row * n_candidates + i];
}

// Move the belief on: what was believed, moved, times what is heard.
void CausalPitch::believe() {
    double leap = weights_.leap_bias[0];
    for (std::size_t row = 0; row < n_inner; ++row) {
        float inner = weights_.change_bias[row];
        for (std::size_t i = 0; i < n_shared; ++i) inner += weights_.change[row * n_shared + i] * shared_[i];
        leap += weights_.leap[row] * std::max(inner, 0.0F);
    }
    leap = logistic(leap);
    const float top = *std::max_element(logits_.begin(), logits_.end());
    Candidates expected{};
    double sum = 0.0;
    for (int i = 0; i < n_candidates; ++i) {
        double glided = 0.0;
        for (int j = 0; j < n_glide; ++j) {
            const int from = i + n_glide / 2 - j;
            if (from >= 0 && from < n_candidates)
                glided += weights_.glide[static_cast<std::size_t>(j)] * belief_[static_cast<std::size_t>(from)];
        }
        const auto at = static_cast<std::size_t>(i);
        expected[at] = static_cast<float>((glided * (1.0 - leap) + leap / n_candidates)) * fast_exp(logits_[at] - top);
        sum += expected[at];
    }
    for (std::size_t i = 0; i < n_candidates; ++i) belief_[i] = static_cast<float>(expected[i] / sum);
}

// The likeliest candidate, but a leap waits while the note before may still sound.
std::size_t CausalPitch::likeliest() const {
    const auto best = static_cast<std::size_t>(std::max_element(belief_.begin(), belief_.end()) - belief_.begin());
    const bool is_step = std::max(best, best_) - std::min(best, best_) <= near_bins;
    if (is_step || belief_near(best_) < still_likely || belief_near(best) > likely) return best;
    const auto first = belief_.begin() + static_cast<long>(std::max(best_, near_bins) - near_bins);
    const auto stop = belief_.begin() + static_cast<long>(std::min<std::size_t>(best_ + near_bins + 1, n_candidates));
    return static_cast<std::size_t>(std::max_element(first, stop) - belief_.begin());
}

float CausalPitch::belief_near(std::size_t candidate) const {
    float sum = 0.0F;
    const std::size_t stop = std::min<std::size_t>(candidate + near_bins + 1, n_candidates);
    for (std::size_t i = std::max(candidate, near_bins) - near_bins; i < stop; ++i) sum += belief_[i];
    return sum;
}

// The share of the energy on the harmonics, with noise read as 0, in the shortest window that tells them apart.
double CausalPitch::periodicity(double f0_hz) const {
    const std::size_t window = f0_hz < long_below_hz ? longest : middle;
    const double reach = 2.0 * n_fft / window_lengths[window];
    double all = 0.0, on_harmonics = 0.0;
    for (int bin = static_cast<int>(0.8 * lowest_hz / bin_hz); bin < n_bins; ++bin) {
        const double nearest = std::max(std::rint(bin * (bin_hz / f0_hz)), 1.0) * (f0_hz / bin_hz);
        const double power = power_[window][static_cast<std::size_t>(bin)];
        all += power;
        if (std::abs(nearest - bin) <= reach) on_harmonics += power;
    }
    const double by_chance = std::min((2.0 * reach + 1.0) * bin_hz / f0_hz, 0.9);
    return std::clamp((on_harmonics / std::max(all, 1e-12) - by_chance) / (1.0 - by_chance), 0.0, 1.0);
}

// Move a candidate onto the peaks of its lowest partials, by the parabola through the levels of each.
// Source: Smith & Serra, PARSHL (ICMC 1987).
double CausalPitch::refined_hz(double candidate_hz) const {
    const std::array<float, n_bins>& levels_db = levels_db_[middle];
    double moved_hz = 0.0, sum = 0.0;
    for (int number = 1; number <= refining_harmonics; ++number) {
        const double centre = number * candidate_hz / bin_hz;
        const double reach = std::max(refining_reach * centre, 1.0);
        const int first = std::max(static_cast<int>(std::ceil(centre - reach)), 1);
        const int stop = std::min(static_cast<int>(centre + reach) + 1, n_bins - 1);
        if (first >= stop) break;
        const auto top =
            static_cast<std::size_t>(std::max_element(levels_db.begin() + first, levels_db.begin() + stop) - levels_db.begin());
        const double left = levels_db[top - 1], peak = levels_db[top], right = levels_db[top + 1];
        const double bend = left - 2.0 * peak + right;
        if (peak < left || peak < right || bend >= 0.0) continue;
        // A higher partial tells the pitch that much more finely.
        const double weight = number * number * std::pow(10.0, 0.1 * peak);
        moved_hz += weight * (static_cast<double>(top) + 0.5 * (left - right) / bend) * bin_hz / number;
        sum += weight;
    }
    return sum > 0.0 ? moved_hz / sum : candidate_hz;
}

}  // namespace violute
