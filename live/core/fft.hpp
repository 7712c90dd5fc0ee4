// The Fourier transform of real sound, for lengths that are powers of 2, real and imaginary parts apart.
//
// Source: Stockham's autosort algorithm with radix 4; Cochran et al., What is the fast Fourier transform?
// (Proceedings of the IEEE 55, 1967).
#pragma once

#include <vector>

namespace violute {

class RealFft {
   public:
    explicit RealFft(int n);

    // Transform n samples into n / 2 + 1 bins.
    void forward(const float* samples, float* real, float* imag);

    // The inverse, scaled by 1 / n.
    void inverse(const float* real, const float* imag, float* samples);

    int size() const { return 2 * half_; }

   private:
    void transform(std::vector<float>& real, std::vector<float>& imag);

    int half_;
    std::vector<float> twiddles_;  // Of each stage: real and imaginary parts of w, w^2 and w^3.
    std::vector<float> cos_, sin_;
    std::vector<float> real_, imag_, other_real_, other_imag_;
};

}  // namespace violute
