#include "pitch_search.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "arithmetic.hpp"
#include "rates.hpp"

namespace violute {

namespace {

constexpr double octave_penalty = 0.5, overtone_penalty = 0.2;
constexpr double jump_cost_per_octave = 0.3, jump_octaves_max = 1.25;
constexpr int n_harmonics = 10;
constexpr double doubt_range_db = 8.0, overtone_db = 20.0;
constexpr int refining_harmonics = 5;
constexpr double refining_reach = 0.03;
constexpr double voiced_periodicity = 0.45, leap_octaves = 1.0 / 15.0;
constexpr int steady_frames = 2;  // That a pitch stands before it is believed.

double square(double x) { return x * x; }

}  // namespace

PitchSearch::Window::Window(int length, double lowest, double highest)
    : n_fft(static_cast<std::size_t>(length)),
      salience(length, lowest, highest),
      n_bins(salience.n_bins()),
      lowest_hz(lowest),
      bin_hz(static_cast<double>(sample_rate) / length),
      spectrum(length),
      magnitudes(n_bins),
      wide(n_bins) {}

bool PitchSearch::is_sound(const VoiceFile& voice) {
    const std::vector<double>& windows = voice.doubles("search.windows");
    const std::vector<double>& doubt_hz = voice.doubles("search.doubt_hz");
    if (windows.empty()) return true;
    if (windows.size() != 6 || voice.doubles("search.split_hz").size() != 1 || doubt_hz.size() < 2 ||
        doubt_hz.size() != voice.doubles("search.doubt_db").size() || !(doubt_hz[0] > 0.0))
        return false;
    for (std::size_t i = 1; i < doubt_hz.size(); ++i)
        if (!(doubt_hz[i] > doubt_hz[i - 1])) return false;
    for (std::size_t i = 0; i < windows.size(); i += 3) {
        const double n_fft = windows[i], lowest_hz = windows[i + 1], highest_hz = windows[i + 2];
        if (!(n_fft >= 1024.0 && n_fft <= 8192.0) || !std::has_single_bit(static_cast<unsigned>(n_fft))) return false;
        if (!(lowest_hz >= 20.0 && highest_hz >= 2.0 * lowest_hz && highest_hz <= 5000.0)) return false;
    }
    return true;
}

PitchSearch::PitchSearch(const VoiceFile& voice)
    : split_hz_(voice.doubles("search.split_hz")[0]), doubt_db_(voice.doubles("search.doubt_db")) {
    const std::vector<double>& windows = voice.doubles("search.windows");
    for (std::size_t i = 0; i < windows.size(); i += 3)
        windows_.emplace_back(static_cast<int>(windows[i]), windows[i + 1], windows[i + 2]);
    for (const double hz : voice.doubles("search.doubt_hz")) doubt_octaves_.push_back(std::log2(hz));
    const std::size_t n_all = n_candidates * windows_.size();
    candidates_.reserve(n_all);
    costs_.resize(n_all);
    before_costs_.resize(n_all);
    before_octaves_.reserve(n_all);
}

void PitchSearch::reset() {
    before_octaves_.clear();
    last_octave_ = 0.0;
    n_steady_ = 0;
}

std::size_t PitchSearch::n_heard() const { return std::max(windows_.front().n_fft, windows_.back().n_fft); }

PitchSearch::Frame PitchSearch::push(const float* heard) {
    candidates_.clear();
    for (Window& window : windows_) {
        listen(window, heard + n_heard() - window.n_fft);
        add_candidates(window);
    }
    double least = INFINITY;
    std::size_t best = 0;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const double octave = candidates_[i].octave;
        costs_[i] = penalty(octave) - candidates_[i].score;
        double way = before_octaves_.empty() ? 0.0 : INFINITY;
        for (std::size_t j = 0; j < before_octaves_.size(); ++j) {
            const double jump = std::min(std::abs(octave - before_octaves_[j]), jump_octaves_max);
            way = std::min(way, jump_cost_per_octave * jump + before_costs_[j]);
        }
        costs_[i] += way;
        if (costs_[i] < least) {
            least = costs_[i];
            best = i;
        }
    }
    before_octaves_.clear();
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        before_octaves_.push_back(candidates_[i].octave);
        before_costs_[i] = costs_[i] - least;
    }
    const double chosen_hz = std::exp2(candidates_[best].octave);
    const Window& own = chosen_hz < split_hz_ ? windows_.back() : windows_.front();
    const double f0_hz = refined_hz(own, chosen_hz), periodic = periodicity(own, f0_hz);
    const double octave = std::log2(std::max(f0_hz, 1.0));
    n_steady_ = std::abs(octave - last_octave_) <= leap_octaves ? std::min(n_steady_ + 1, steady_frames) : 1;
    last_octave_ = octave;
    return {f0_hz, periodic > voiced_periodicity && n_steady_ >= steady_frames ? periodic : 0.0};
}

void PitchSearch::listen(Window& window, const float* newest) {
    const std::vector<float>& magnitudes = window.spectrum.of(newest);
    std::copy_n(magnitudes.begin(), window.n_bins, window.magnitudes.begin());
    for (std::size_t bin = 0; bin < window.n_bins; ++bin) {
        const std::size_t low = bin == 0 ? 0 : bin - 1, high = std::min(bin + 1, window.n_bins - 1);
        window.wide[bin] = std::max({magnitudes[low], magnitudes[bin], magnitudes[high]});
    }
}

// The best peaks of the salience; where there are fewer, what is no peak has the score -1.
void PitchSearch::add_candidates(Window& window) {
    const std::vector<float>& salience = window.salience.of(window.magnitudes.data());
    std::array<std::size_t, n_candidates> best{};
    std::array<float, n_candidates> scores{};
    std::size_t n_found = 0;
    for (std::size_t i = 1; i + 1 < salience.size(); ++i) {
        const bool is_peak = salience[i] >= salience[i - 1] && salience[i] > salience[i + 1];
        const float score = is_peak ? salience[i] : -1.0F;
        if (n_found == n_candidates && score <= scores[n_found - 1]) continue;
        std::size_t at = n_found < n_candidates ? n_found++ : n_candidates - 1;
        for (; at > 0 && scores[at - 1] < score; --at) {
            scores[at] = scores[at - 1];
            best[at] = best[at - 1];
        }
        scores[at] = score;
        best[at] = i;
    }
    for (std::size_t i = 0; i < n_found; ++i) {
        const float left = salience[best[i] - 1], centre = salience[best[i]], right = salience[best[i] + 1];
        const float bend = left - 2.0F * centre + right;
        const double offset = std::abs(bend) > 1e-9F ? 0.5F * (left - right) / std::min(bend, -1e-9F) : 0.0F;
        const double place = static_cast<double>(best[i]) + std::clamp(offset, -0.5, 0.5);
        candidates_.push_back({std::log2(window.lowest_hz) + place / Salience::bins_per_octave, scores[i]});
    }
}

// Levels of the partials that a multiple of the pitch lacks, and of those that it has.
double PitchSearch::partials_db(double f0_hz, int multiple, double& shared_db) const {
    const Window& window = f0_hz < split_hz_ ? windows_.back() : windows_.front();
    double own = 0.0, shared = 0.0;
    for (int number = 1; number <= n_harmonics; ++number) {
        const double bin = std::rint(number * f0_hz / window.bin_hz);
        if (bin >= static_cast<double>(window.n_bins) - 1.0) break;
        (number % multiple == 0 ? shared : own) += square(window.wide[static_cast<std::size_t>(bin)]);
    }
    shared_db = 10.0 * std::log10(shared + 1e-20);
    return 10.0 * std::log10(own + 1e-20);
}

// What a candidate loses that is a fraction or a multiple of the true pitch.
double PitchSearch::penalty(double octave) const {
    const double threshold_db = interpolate(octave, doubt_octaves_, doubt_db_);
    double doubt = 0.0, overtone = 0.0, shared_db = 0.0;
    for (const int multiple : {2, 3, 4, 5}) {
        const double own_db = partials_db(std::exp2(octave), multiple, shared_db);
        doubt = std::max(doubt, std::clamp((shared_db - own_db - threshold_db) / doubt_range_db, 0.0, 1.0));
    }
    for (const int multiple : {2, 3}) {
        const double f0_hz = std::exp2(octave) / multiple;
        if (f0_hz <= windows_.back().lowest_hz || f0_hz >= split_hz_) continue;
        const double own_db = partials_db(f0_hz, multiple, shared_db);
        overtone = std::max(overtone, std::clamp((overtone_db - (shared_db - own_db)) / doubt_range_db, 0.0, 1.0));
    }
    return octave_penalty * doubt + overtone_penalty * overtone;
}

// Move a pitch onto the peaks of its lowest harmonics. Source: Smith & Serra, PARSHL (ICMC 1987).
double PitchSearch::refined_hz(const Window& window, double f0_hz) const {
    const auto n_bins = static_cast<int>(window.n_bins);
    double moved = 0.0, sum = 1e-20;
    for (int number = 1; number <= refining_harmonics; ++number) {
        const double centre = number * f0_hz / window.bin_hz, reach = std::max(refining_reach * centre, 1.0);
        const int first = std::max(static_cast<int>(std::ceil(centre - reach)), 1);
        const int last = std::min(static_cast<int>(std::floor(centre + reach)), n_bins - 2);
        if (first > last) continue;
        const auto from = window.magnitudes.begin();
        const auto top = static_cast<std::size_t>(std::max_element(from + first, from + last + 1) - from);
        const auto log_of = [&](std::size_t bin) { return std::log(window.magnitudes[bin] + 1e-12F); };
        const float left = log_of(top - 1), peak = log_of(top), right = log_of(top + 1);
        const float bend = left - 2.0F * peak + right;
        if (peak < left || peak < right || bend >= 0.0F) continue;
        // A higher harmonic tells the pitch that much more finely.
        const double weight = square(number * static_cast<double>(window.magnitudes[top]));
        const double offset = 0.5F * (left - right) / bend;
        moved += weight * (static_cast<double>(top) + offset) * window.bin_hz / number;
        sum += weight;
    }
    return sum > 1e-18 ? moved / sum : f0_hz;
}

// The share of the energy within two bins of a harmonic, with noise read as 0.
double PitchSearch::periodicity(const Window& window, double f0_hz) const {
    double all = 0.0, near = 0.0;
    for (auto bin = static_cast<std::size_t>(window.lowest_hz * 0.8 / window.bin_hz); bin < window.n_bins; ++bin) {
        const double hz = static_cast<double>(bin) * window.bin_hz, power = square(window.magnitudes[bin]);
        all += power;
        if (std::abs(std::max(std::rint(hz / f0_hz), 1.0) * f0_hz - hz) <= 2.0 * window.bin_hz) near += power;
    }
    const double by_chance = std::min(5.0 * window.bin_hz / f0_hz, 0.9);
    return std::clamp((near / std::max(all, 1e-20) - by_chance) / (1.0 - by_chance), 0.0, 1.0);
}

}  // namespace violute
