// NumPy's generator of random numbers, draw for draw, so that noise and wavering are those of the Python stream.
//
// Source: O'Neill, PCG: a family of simple fast space-efficient statistically good algorithms for random number
// generation (HMC-CS-2014-0905), PCG-XSL-RR 128/64; Marsaglia & Tsang, The ziggurat method for generating random
// variables (Journal of Statistical Software 5, 2000), with 256 layers.
#pragma once

#include <cstdint>
#include <span>

namespace violute {

class NumpyDraws {
   public:
    // From high and low halves of the state and of the increment.
    explicit NumpyDraws(std::span<const std::uint64_t> state);

    double normal();       // standard_normal() in float64.
    float normal_float();  // standard_normal() in float32.

   private:
    __extension__ using Wide = unsigned __int128;

    std::uint64_t next();
    std::uint32_t next_half();
    double uniform();
    float uniform_float();

    Wide state_, increment_;
    std::uint32_t kept_ = 0;
    bool has_kept_ = false;
};

}  // namespace violute
