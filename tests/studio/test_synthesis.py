"""What the page reckons, in Node: its module against the renderer, and its spectrogram."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from measured_pieces import (
    MOVED,
    SETTINGS,
    all_at,
    chords,
    error_db,
    parameters_of,
    rendered,
    swinging,
    violin,
)

import violute.studio
from violute.synthesis.harmonics import crosses_nyquist
from violute.synthesis.room import PLACES, room_response
from violute.voices.mix import Mix

PAGE = Path(violute.studio.__file__).parent / "page"
RUNNER = Path(__file__).parents[1] / "support" / "studio_node.mjs"
SAMPLE_RATE = 44_100
HOP_LENGTH = 441

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    for path in [*PAGE.glob("*.js"), PAGE / "live.wasm"]:
        shutil.copy(path, folder)
    # Without it older versions of Node take modules for scripts.
    (folder / "package.json").write_text('{"type": "module"}')
    for piece in (violin, swinging, chords):
        (folder / f"{piece.__name__}.bin").write_bytes(parameters_of(piece))
    return folder


def run(folder, task, piece=violin, **job):
    """Run one task in Node; its samples and what it said."""
    given = {"task": task, "parameters": str(folder / f"{piece.__name__}.bin"), **job}
    (folder / "job.json").write_text(json.dumps(given))
    command = ["node", str(RUNNER), str(folder), str(folder / "job.json"), str(folder / "out.f32")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "out.f32", np.float32), done.stdout


def play(folder, *steps, piece=violin, **job):
    return run(folder, "play", piece, steps=list(steps), **job)[0]


@pytest.mark.parametrize(("mix", "step"), SETTINGS)
def test_it_equals_a_rendering(folder, mix, step):
    assert error_db(play(folder, step), rendered(violin(), mix)) < -100.0


def test_harmonics_leap_over_nyquist_in_this_piece():
    f0_hz = violin().live_tracks()[0].f0_hz.astype(np.float64)
    loud = np.ones((len(f0_hz) - 1, 100))
    assert crosses_nyquist(f0_hz[:-1], f0_hz[1:], loud, loud, SAMPLE_RATE / 2).any()


def test_a_dial_is_heard_from_the_next_frame_on(folder):
    """Moved in the middle of hop 300, the tone begins to change at frame 301 and has changed at 302."""
    before, after = {**all_at(0.0)["dials"], "tone": 0.0}, {**all_at(0.0)["dials"], "tone": 1.0}
    n_before = 300 * HOP_LENGTH + 200
    played = play(folder, {"dials": before, "play": n_before}, {"dials": after})
    mix = Mix(tone=[(3.01, 0.0), (3.02, 1.0)], noise=0.0, attack=0.0, vibrato=0.0)
    assert error_db(played, rendered(violin(), mix)) < -100.0


@pytest.mark.parametrize("piece", [violin, chords])
def test_seeking_is_exact(folder, piece):
    whole = play(folder, {"dials": MOVED}, piece=piece)
    places = [150_001, 3 * HOP_LENGTH, 0, 123_456]
    pieces = play(
        folder, {"dials": MOVED, "play": 0}, *({"seek": at, "play": 3000} for at in places), piece=piece
    )
    for at, made in zip(places, pieces.reshape(len(places), 3000), strict=True):
        np.testing.assert_allclose(made, whole[at : at + 3000], atol=1e-6)


def test_blocks_of_any_size_give_the_same_samples(folder):
    step = {"dials": MOVED, "play": 30_000}
    np.testing.assert_array_equal(play(folder, step, block=10_000), play(folder, step))


def test_chords_sound_as_the_renderers_do(folder):
    assert chords().n_lines == 3
    assert error_db(play(folder, {}, piece=chords), rendered(chords(), 0.5)) < -100.0


@pytest.mark.parametrize("dial", [0.0, 0.3, 1.0])
def test_vibrato_moves_as_the_renderers_does(folder, dial):
    played = play(folder, {"dials": {"vibrato": dial}}, piece=swinging)
    assert error_db(played, rendered(swinging(), Mix(vibrato=dial))) < -100.0
    assert error_db(played, rendered(swinging(), Mix(vibrato=abs(dial - 0.1)))) > -40.0


def test_seeking_after_the_vibrato_moved_finds_its_phase(folder):
    before = {"dials": {"vibrato": 0.0}, "seek": 90_000, "play": 10_000}
    after = {"dials": {"vibrato": 1.0}, "seek": 50_000}
    played = play(folder, before, after, piece=swinging)
    wanted = rendered(swinging(), Mix(vibrato=1.0))
    assert error_db(played[10_000:], wanted[50_000:]) < -100.0


def test_gains_follow_the_tone(folder):
    plain = play(folder, {**all_at(0.25), "play": 50_000})
    louder = play(
        folder, {**all_at(0.25), "gains": {"mixes": [0.0, 0.5], "gain": [1.0, 4.0]}, "play": 50_000}
    )
    np.testing.assert_allclose(louder, 2.5 * plain, atol=1e-6)


def test_courses_end_and_a_held_mix_is_let_go_of(folder):
    moved = {"automation": [[0.0, 1.0]], "hold": 1, "play": 100}
    made = play(folder, moved, {"automation": None, "hold": None, "seek": 0, "play": 20_000})
    np.testing.assert_array_equal(made[100:], play(folder, {"play": 20_000}))


def test_a_piece_that_is_closed_leaves_its_memory_to_the_next(folder):
    sizes, _ = run(folder, "memory", rounds=30)
    assert (folder / "violin.bin").stat().st_size > 300_000
    assert len(set(sizes[2:])) == 1


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda content: content[:2], "no live parameters"),
        (lambda content: b"\xff" * 64 + content, "no live parameters"),
        (lambda content: b"RIFF" + content[4:], "no live parameters"),
        (lambda content: content[:-40_000], "cut short"),
        (lambda content: content.replace(b'"version":4', b'"version":9'), "version 9"),
        (lambda content: content.replace(b'"gate"', b'"gaet"'), "gate is missing"),
        (lambda content: content.replace(b'"noise.state"', b'"noise.stale"'), "noise.state is missing"),
        (lambda content: content.replace(b'"int32"', b'"uint8"'), "row is missing or not int32"),
        (lambda content: content.replace(b'"frame_rate_hz":100.0', b'"frame_rate_hz":250.0'), "250 frames"),
        (
            lambda content: content.replace(b'"n_harmonics":100', b'"n_harmonics":999'),
            "harmonic_root is missing or not",
        ),
        (lambda content: with_row(content, 600), "a row is none"),
        (lambda content: with_row(content, -2), "a row is none"),
    ],
)
def test_damaged_parameters_get_a_sentence(folder, damage, sentence):
    (folder / "damaged.bin").write_bytes(damage(parameters_of(violin)))
    _, said = run(folder, "refusal", parameters=str(folder / "damaged.bin"))
    assert sentence in said
    assert "\n" not in said


def with_row(content, row):
    """The first frame of the first line has another row."""
    length = int.from_bytes(content[:4], "little")
    place = 4 + length + json.loads(content[4 : 4 + length])["lines"][0]["arrays"]["row"]["offset"]
    return content[:place] + np.int32(row).tobytes() + content[place + 4 :]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("size", [0.3, 1.0])
def test_a_room_is_the_renderers(folder, size, side):
    response, _ = run(folder, "room", size=size, side=side)
    assert error_db(response, room_response(size, seed=PLACES[side])) < -100.0


@pytest.mark.parametrize("lowest_hz", [50, 100])
def test_a_column_of_the_spectrogram_has_the_levels_of_its_sound(folder, lowest_hz):
    samples = (0.1 * np.random.default_rng(5).standard_normal(4096)).astype(np.float32)
    samples.tofile(folder / "samples.f32")
    n_rows, centre, sample_rate = 60, 2000, 22_000
    job = {"input": str(folder / "samples.f32"), "nRows": n_rows, "centre": centre}
    job |= {"sampleRate": sample_rate, "lowestHz": lowest_hz}
    found = run(folder, "column", **job)[0]
    size, levels_db = int(found[0]), found[1:] / 2 - 120
    piece = samples[centre - size // 2 : centre + size // 2] * scipy.signal.windows.hann(size, sym=False)
    power = (4 / size * np.abs(np.fft.rfft(piece))) ** 2
    edges = lowest_hz * (10_000 / lowest_hz) ** (1 - np.arange(n_rows + 1) / n_rows) * size / sample_rate
    checked = 0
    for row in range(n_rows):
        low, high = edges[row + 1], min(edges[row], size / 2 - 2)
        bins = np.arange(np.ceil(low), np.floor(high) + 1).astype(int)
        if len(bins):
            assert abs(levels_db[row] - 10 * np.log10(power[bins].max())) <= 0.26
            checked += 1
    assert checked > 30
