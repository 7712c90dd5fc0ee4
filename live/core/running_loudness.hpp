// How loud a performance is, while it is being played; twin of families/ddsp/running_loudness.py.
#pragma once

#include <array>
#include <span>
#include <vector>

namespace violute {

inline constexpr int n_quantiles = 21;
using Quantiles = std::array<double, n_quantiles>;

// Probabilities at which loudness distributions are compared.
const Quantiles& probabilities();

class RunningLoudness {
   public:
    // Quantiles relative to the loud notes, which the first second is taken to have.
    explicit RunningLoudness(const Quantiles& usual);

    // Forget all that was heard.
    void reset();

    // Count a voiced frame.
    void add(double loudness_db);

    // Work out `reference_db` and `own_db` from all that was counted.
    void update();

    double reference_db = 0.0;  // Loudness of the loud notes.
    Quantiles own_db{};         // Quantiles relative to it.

   private:
    double quantile_db(double probability) const;

    std::vector<double> assumed_, counts_;         // By step: before anything was heard, and now.
    std::vector<double> shares_, heard_db_;        // Of the steps that something fell into, in a row.
    std::size_t n_heard_ = 0;
};

// Bring loudness nearer to what is as common for an instrument; twin of adaptation.adapted_loudness.
class LoudnessMap {
   public:
    LoudnessMap(const Quantiles& own, std::span<const double> target);
    double operator()(double relative_db) const;

   private:
    Quantiles own_;
    std::span<const double> target_;
};

}  // namespace violute
