/* A whole piece of which the levels of both ends are measured, played at dials that move meanwhile, at 44.1 kHz. Plain C.
 *
 * voices/live_parameters.py describes what is measured. Play in one thread, and turn dials in the same.
 */
#ifndef VIOLUTE_PERFORMANCE_H
#define VIOLUTE_PERFORMANCE_H

#include <stddef.h>
#include <stdint.h>

#include "violute_live.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a renderer draws at random: noise, and the walls of rooms. */
typedef struct violute_draws violute_draws;

/* noise_state: the four halves of the generator's state. arrivals, signs: of the early reflections, those of the left
 * loudspeaker and those of the right one. Takes some milliseconds and 4 MB; NULL where memory is short.
 */
VIOLUTE_API violute_draws* violute_draws_open(const uint64_t* noise_state, const double* arrivals, const double* signs);
VIOLUTE_API void violute_draws_close(violute_draws* draws);

/* The walls of a room, 0 to 1 in size, as the loudspeaker 0 or 1 plays them: the impulse response without the sound
 * itself. Written cut off or followed by zeros; returns how long it is, in samples.
 */
VIOLUTE_API int violute_draws_room(const violute_draws* draws, double size, int place, float* out, int n_samples);

typedef struct violute_performance violute_performance;

enum violute_performance_dial {
    VIOLUTE_PERFORMANCE_TONE,
    VIOLUTE_PERFORMANCE_NOISE,
    VIOLUTE_PERFORMANCE_ATTACK,
    VIOLUTE_PERFORMANCE_VIBRATO
};

/* The arrays of a line in the order of the file; they stay the caller's, and where they are. */
typedef struct violute_line {
    const int32_t* row;
    const float *f0_hz, *loudness_db, *gate, *attack_share, *vibrato_cents, *vibrato_db;
    const uint16_t *harmonic_root, *noise_root;
    const float *harmonic_power, *noise_power;
} violute_line;

/* Open a piece without a line; the draws outlive it.
 *
 * dial_mixes, n_mixes, dial_hz, n_hz, dial_weights: curves from a dial to the weight on the second end, one for each
 *   pitch.
 * problem, n_problem: where to write one line that says what is wrong; may be NULL.
 *
 * Returns NULL where something is wrong.
 */
VIOLUTE_API violute_performance* violute_performance_open(const violute_draws* draws, int n_frames, int n_harmonics,
                                                          const double* dial_mixes, int n_mixes, const double* dial_hz, int n_hz,
                                                          const double* dial_weights, char* problem, size_t n_problem);
VIOLUTE_API void violute_performance_close(violute_performance* performance);

/* Add a line, whose noise has a seed of its own; returns 0 where something is wrong with it. */
VIOLUTE_API int violute_performance_add_line(violute_performance* performance, const violute_line* line, int n_rows,
                                             int noise_seed, char* problem, size_t n_problem);

/* Turn a dial to a value from 0 to 1, or let it move along break-points, whose seconds rise; none of them lets it stand
 * again. A mix that is held counts in place of all dials; what is no number lets go of them.
 */
VIOLUTE_API void violute_performance_turn(violute_performance* performance, int dial, double value);
VIOLUTE_API void violute_performance_move(violute_performance* performance, int dial, const double* seconds,
                                          const double* values, int n_points);
VIOLUTE_API void violute_performance_hold(violute_performance* performance, double mix);

/* Play so many semitones above the pitch that was measured, in its colours. */
VIOLUTE_API void violute_performance_transpose(violute_performance* performance, double semitones);

/* Linear gains at places of the tone's dial that rise. */
VIOLUTE_API void violute_performance_gains(violute_performance* performance, const double* mixes, const double* gains,
                                           int n_points);

/* Go to a sample; where it is. */
VIOLUTE_API void violute_performance_seek(violute_performance* performance, int sample);
VIOLUTE_API int violute_performance_position(const violute_performance* performance);

/* Play on in mono, blocks of any size, without a room; silence after the end. Allocates, waits and throws nothing. */
VIOLUTE_API void violute_performance_play(violute_performance* performance, float* out, int n_samples);

/* The magnitudes of Hann windows of so many samples, a power of 2, for pictures: size / 2 + 1 bins, which last until the
 * next ones; a sine reads its amplitude. NULL where memory is short.
 */
typedef struct violute_spectrum violute_spectrum;
VIOLUTE_API violute_spectrum* violute_spectrum_open(int size);
VIOLUTE_API const float* violute_spectrum_of(violute_spectrum* spectrum, const float* samples);
VIOLUTE_API void violute_spectrum_close(violute_spectrum* spectrum);

#ifdef __cplusplus
}
#endif

#endif
