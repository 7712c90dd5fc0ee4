#include "fft.hpp"

#include <cmath>
#include <numbers>
#include <utility>

#include "arithmetic.hpp"

namespace violute {

namespace {

// One stage of radix 4: `n` numbers remain of each of `stride` sequences.
VIOLUTE_VECTORS void stage_of_4(int n, int stride, const float* twiddles, const float* __restrict xr,
                                const float* __restrict xi, float* __restrict yr, float* __restrict yi) {
    const int quarter = n / 4;
    for (int p = 0; p < quarter; ++p, twiddles += 6) {
        const float w1r = twiddles[0], w1i = twiddles[1], w2r = twiddles[2];
        const float w2i = twiddles[3], w3r = twiddles[4], w3i = twiddles[5];
        const float *ar = xr + stride * p, *ai = xi + stride * p;
        const float *br = ar + stride * quarter, *bi = ai + stride * quarter;
        const float *cr = br + stride * quarter, *ci = bi + stride * quarter;
        const float *dr = cr + stride * quarter, *di = ci + stride * quarter;
        float *zr = yr + 4 * stride * p, *zi = yi + 4 * stride * p;
        for (int q = 0; q < stride; ++q) {
            const float sum_r = ar[q] + cr[q], sum_i = ai[q] + ci[q];
            const float gap_r = ar[q] - cr[q], gap_i = ai[q] - ci[q];
            const float others_r = br[q] + dr[q], others_i = bi[q] + di[q];
            const float turned_r = di[q] - bi[q], turned_i = br[q] - dr[q];  // i (b - d)
            zr[q] = sum_r + others_r;
            zi[q] = sum_i + others_i;
            const float first_r = gap_r - turned_r, first_i = gap_i - turned_i;
            zr[q + stride] = w1r * first_r - w1i * first_i;
            zi[q + stride] = w1r * first_i + w1i * first_r;
            const float second_r = sum_r - others_r, second_i = sum_i - others_i;
            zr[q + 2 * stride] = w2r * second_r - w2i * second_i;
            zi[q + 2 * stride] = w2r * second_i + w2i * second_r;
            const float third_r = gap_r + turned_r, third_i = gap_i + turned_i;
            zr[q + 3 * stride] = w3r * third_r - w3i * third_i;
            zi[q + 3 * stride] = w3r * third_i + w3i * third_r;
        }
    }
}

VIOLUTE_VECTORS void stage_of_2(int stride, const float* __restrict x, float* __restrict y) {
    for (int q = 0; q < stride; ++q) {
        y[q] = x[q] + x[q + stride];
        y[q + stride] = x[q] - x[q + stride];
    }
}

}  // namespace

RealFft::RealFft(int n)
    : half_(n / 2),
      cos_(static_cast<std::size_t>(half_ + 1)),
      sin_(static_cast<std::size_t>(half_ + 1)),
      real_(static_cast<std::size_t>(half_)),
      imag_(real_.size()),
      other_real_(real_.size()),
      other_imag_(real_.size()) {
    for (int length = half_; length >= 4; length /= 4) {
        for (int p = 0; p < length / 4; ++p) {
            for (int power = 1; power <= 3; ++power) {
                const double angle = -2.0 * std::numbers::pi * p * power / length;
                twiddles_.push_back(static_cast<float>(std::cos(angle)));
                twiddles_.push_back(static_cast<float>(std::sin(angle)));
            }
        }
    }
    for (int k = 0; k <= half_; ++k) {
        const double angle = -std::numbers::pi * k / half_;
        cos_[static_cast<std::size_t>(k)] = static_cast<float>(std::cos(angle));
        sin_[static_cast<std::size_t>(k)] = static_cast<float>(std::sin(angle));
    }
}

void RealFft::transform(std::vector<float>& real, std::vector<float>& imag) {
    const float* twiddles = twiddles_.data();
    int length = half_, stride = 1;
    for (; length >= 4; length /= 4, stride *= 4) {
        stage_of_4(length, stride, twiddles, real.data(), imag.data(), other_real_.data(), other_imag_.data());
        twiddles += 6 * (length / 4);
        real.swap(other_real_);
        imag.swap(other_imag_);
    }
    if (length == 2) {
        stage_of_2(stride, real.data(), other_real_.data());
        stage_of_2(stride, imag.data(), other_imag_.data());
        real.swap(other_real_);
        imag.swap(other_imag_);
    }
}

void RealFft::forward(const float* samples, float* real, float* imag) {
    for (int k = 0; k < half_; ++k) {
        real_[static_cast<std::size_t>(k)] = samples[2 * k];
        imag_[static_cast<std::size_t>(k)] = samples[2 * k + 1];
    }
    transform(real_, imag_);
    for (int k = 0; k <= half_; ++k) {
        const auto here = static_cast<std::size_t>(k == half_ ? 0 : k);
        const auto mirror = static_cast<std::size_t>(k == 0 ? 0 : half_ - k);
        const float even_r = 0.5F * (real_[here] + real_[mirror]), even_i = 0.5F * (imag_[here] - imag_[mirror]);
        const float odd_r = 0.5F * (imag_[here] + imag_[mirror]), odd_i = 0.5F * (real_[mirror] - real_[here]);
        const float c = cos_[static_cast<std::size_t>(k)], s = sin_[static_cast<std::size_t>(k)];
        real[k] = even_r + c * odd_r - s * odd_i;
        imag[k] = even_i + c * odd_i + s * odd_r;
    }
}

void RealFft::inverse(const float* real, const float* imag, float* samples) {
    const float scale = 0.5F / static_cast<float>(half_);
    for (int k = 0; k < half_; ++k) {
        const int mirror = half_ - k;
        // What belongs to the ends has no imaginary part.
        const float here_i = k == 0 ? 0.0F : imag[k], mirror_i = k == 0 ? 0.0F : imag[mirror];
        const float even_r = real[k] + real[mirror], even_i = here_i - mirror_i;
        const float gap_r = real[k] - real[mirror], gap_i = here_i + mirror_i;
        const float c = cos_[static_cast<std::size_t>(k)], s = -sin_[static_cast<std::size_t>(k)];
        const float odd_r = c * gap_r - s * gap_i, odd_i = c * gap_i + s * gap_r;
        // The inverse of a complex transform is the transform with both parts exchanged.
        imag_[static_cast<std::size_t>(k)] = scale * (even_r - odd_i);
        real_[static_cast<std::size_t>(k)] = scale * (even_i + odd_r);
    }
    transform(real_, imag_);
    for (int k = 0; k < half_; ++k) {
        samples[2 * k] = imag_[static_cast<std::size_t>(k)];
        samples[2 * k + 1] = real_[static_cast<std::size_t>(k)];
    }
}

}  // namespace violute
