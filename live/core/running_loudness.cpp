#include "running_loudness.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"

namespace violute {

namespace {

constexpr double lowest_db = -100.0, highest_db = 10.0, step_db = 0.5;
constexpr double first_reference_db = -18.0;    // Of a recording at a usual level.
constexpr double first_weight_frames = 100.0;   // What is assumed counts as much as one second heard.
constexpr double loud_share = 0.95;
constexpr double mapped_share = 0.5;            // How far loudness is moved towards the instrument's.
constexpr double least_rise = 1e-6;             // Equal quantiles would make the inverse undefined.

}  // namespace

const Quantiles& probabilities() {
    static const Quantiles made = [] {
        Quantiles values{};
        for (std::size_t i = 0; i < n_quantiles; ++i) values[i] = static_cast<double>(i) / (n_quantiles - 1);
        return values;
    }();
    return made;
}

RunningLoudness::RunningLoudness(const Quantiles& usual) {
    Quantiles rising = usual;
    for (std::size_t i = 0; i < n_quantiles; ++i) rising[i] += static_cast<double>(i) * least_rise;
    const auto n_steps = static_cast<std::size_t>((highest_db - lowest_db) / step_db);
    const auto assumed = [&](std::size_t edge) {
        return interpolate(lowest_db + static_cast<double>(edge) * step_db - first_reference_db, rising, probabilities());
    };
    for (std::size_t i = 0; i < n_steps; ++i) assumed_.push_back(first_weight_frames * (assumed(i + 1) - assumed(i)));
    counts_ = assumed_;
    shares_.resize(n_steps);
    heard_db_.resize(n_steps);
}

void RunningLoudness::reset() {
    std::copy(assumed_.begin(), assumed_.end(), counts_.begin());
    reference_db = 0.0;
    own_db = {};
}

void RunningLoudness::add(double loudness_db) {
    const int index = static_cast<int>((loudness_db - lowest_db) / step_db);
    counts_[static_cast<std::size_t>(std::clamp(index, 0, static_cast<int>(counts_.size()) - 1))] += 1.0;
}

void RunningLoudness::update() {
    double sum = 0.0;
    n_heard_ = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] <= 0.0) continue;
        sum += counts_[i];
        shares_[n_heard_] = sum - 0.5 * counts_[i];
        heard_db_[n_heard_++] = lowest_db + (static_cast<double>(i) + 0.5) * step_db;
    }
    if (n_heard_ == 0) return;  // Of a voice whose loudness lies beyond all steps, until something was heard.
    for (std::size_t i = 0; i < n_heard_; ++i) shares_[i] /= sum;
    reference_db = quantile_db(loud_share);
    for (std::size_t i = 0; i < n_quantiles; ++i) own_db[i] = quantile_db(probabilities()[i]) - reference_db;
}

double RunningLoudness::quantile_db(double probability) const {
    return interpolate(probability, {shares_.data(), n_heard_}, {heard_db_.data(), n_heard_});
}

LoudnessMap::LoudnessMap(const Quantiles& own, std::span<const double> target) : own_(own), target_(target) {
    for (std::size_t i = 0; i < n_quantiles; ++i) {
        own_[i] += static_cast<double>(i) * least_rise;
        if (i > 0) own_[i] = std::max(own_[i], own_[i - 1]);
    }
}

double LoudnessMap::operator()(double relative_db) const {
    const double mapped = interpolate(interpolate(relative_db, own_, probabilities()), probabilities(), target_) +
                          std::min(relative_db - own_.front(), 0.0) + std::max(relative_db - own_.back(), 0.0);
    return relative_db + mapped_share * (mapped - relative_db);
}

}  // namespace violute
