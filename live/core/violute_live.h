/* The real-time core for whoever plays it: a plug-in, a page, a program. Plain C.
 *
 * Open and close in any thread that may wait; process in the audio thread alone; turn dials from anywhere.
 */
#ifndef VIOLUTE_LIVE_H
#define VIOLUTE_LIVE_H

#include <stddef.h>

#if defined(_WIN32)
#define VIOLUTE_API __declspec(dllexport)
#elif defined(__EMSCRIPTEN__)
#define VIOLUTE_API __attribute__((used, visibility("default")))
#else
#define VIOLUTE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct violute_live violute_live;

/* What the rate of a stream may be, in Hz. */
#define VIOLUTE_LOWEST_RATE 44100
#define VIOLUTE_HIGHEST_RATE 96000
#define VIOLUTE_RATES "44100 to 96000"

/* Tone, noise and attack stand between the two ends; the room, and how much of the hybrid is heard beside what came
 * (equal power; 1, the hybrid alone, at opening), don't.
 */
enum violute_dial { VIOLUTE_TONE, VIOLUTE_NOISE, VIOLUTE_ATTACK, VIOLUTE_ROOM, VIOLUTE_WET };

/* Open a voice for one stream.
 *
 * content, n_bytes: a file that `violute export VOICE voice.live` wrote; it may go afterwards.
 * sample_rate: of what comes and goes, in Hz, VIOLUTE_LOWEST_RATE to VIOLUTE_HIGHEST_RATE.
 * room_size: 0 (none) to 1 (hall); the dial of the room says how much of it is heard.
 * n_channels: of what goes, 1 or 2.
 * problem, n_problem: where to write one line that says what is wrong; may be NULL.
 *
 * Returns NULL where something is wrong.
 */
VIOLUTE_API violute_live* violute_live_open(const void* content, size_t n_bytes, int sample_rate, float room_size,
                                            int n_channels, char* problem, size_t n_problem);
VIOLUTE_API void violute_live_close(violute_live* live);

/* The card of the voice: JSON, which lasts as long as the stream. */
VIOLUTE_API const char* violute_live_card(const violute_live* live);

/* How far the output runs behind the input, in samples. */
VIOLUTE_API int violute_live_latency(const violute_live* live);

/* The same of any voice at a rate, before it is opened; 0 where none plays at it. */
VIOLUTE_API int violute_live_latency_at(int sample_rate);

/* Turn a dial, 0 to 1, from the next frame of 10 ms on. */
VIOLUTE_API void violute_live_turn(violute_live* live, int dial, float value);

/* Make what goes louder or softer, by -24 to 24 dB, within 20 ms. */
VIOLUTE_API void violute_live_level(violute_live* live, float level_db);

/* Let what came through as it is, as late as the hybrid, or the hybrid again; cross-fades within 20 ms. */
VIOLUTE_API void violute_live_bypass(violute_live* live, int is_bypassed);

/* Change the size of the room, 0 to 1, while another thread plays: it is prepared here (some milliseconds, of a thread
 * that may wait, one at a time), and fades in within a fifth of a second.
 *
 * Returns whether it will: 0 where the size is none, or memory is short.
 */
VIOLUTE_API int violute_live_resize_room(violute_live* live, float room_size);

/* Forget all sound, as after opening; dials, level, bypass and the size of the room stay as they were set last.
 * Of the thread that plays; allocates and waits for nothing.
 */
VIOLUTE_API void violute_live_reset(violute_live* live);

/* Play a block of any size. Input and outputs may be the same memory; right may be NULL for one channel.
 * Whatever comes in, what goes out is finite, and the hybrid lies between -1 and 1: only what is louder by its level,
 * or has what came beside it, goes higher. Allocates, waits and throws nothing.
 */
VIOLUTE_API void violute_live_process(violute_live* live, const float* in, float* left, float* right, int n_samples);

/* The same for two channels: the voice hears their mean, and what came stays on its side. */
VIOLUTE_API void violute_live_process_stereo(violute_live* live, const float* in_left, const float* in_right,
                                             float* left, float* right, int n_samples);

#ifdef __cplusplus
}
#endif

#endif
