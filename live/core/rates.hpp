// The rates and sizes that all parts of the core share; twin of rates.py.
#pragma once

namespace violute {

inline constexpr int sample_rate = 44100;
inline constexpr int hop_length = 441;  // Samples between frames: 10 ms.
inline constexpr double frame_rate_hz = 100.0;

inline constexpr int n_ends = 2;
inline constexpr int n_bands = 64;         // Of the noise.
inline constexpr int n_registers = 13;     // Bumps over pitch that tell the network the register.
inline constexpr int n_features = 22;      // Of the conditioning.
inline constexpr int max_harmonics = 100;  // Tracks of wavering there are.

inline constexpr float silence_db = -120.0F;

}  // namespace violute
