"""From two folders of recordings to a voice that plays: trained in seconds, exported, loaded, heard."""

import math

import numpy as np
import onnxruntime
import pytest
import soundfile
import tiny_ddsp
import torch
from tones import SAMPLE_RATE, tone, vibrato

from violute.data.features import measure_all
from violute.data.recordings import list_recordings
from violute.errors import TrainingError
from violute.families.ddsp.build import build_ddsp_task
from violute.families.ddsp.data import lines_of
from violute.families.ddsp.export import pitch_range_hz
from violute.families.ddsp.network import DdspConfig, DdspDecoder, VoiceGraph
from violute.families.ddsp.recipes import DDSP_RECIPES, DdspRecipe
from violute.families.ddsp.task import DdspTask
from violute.families.ends import TwoEnds
from violute.families.train import train_family
from violute.synthesis.noise import noise_bands
from violute.training.checkpoints import read_checkpoint
from violute.training.request import TrainingRequest
from violute.training.run_folder import RunFolder
from violute.training.settings import LoopSettings
from violute.voices.file import open_voice_file
from violute.voices.load import load_voice
from violute.voices.mix import Mix

NAMES = ("reed", "string")
SLOPES_DB = (-20.0, -4.0)
PITCHES_HZ = (330.0, 440.0, 550.0, 660.0, 880.0)
LOOP = LoopSettings(
    n_steps=30, validate_every=30, checkpoint_every=30, warmup_steps=0, averaging_decay=None, best_by=None
)
RECIPE = DdspRecipe(loop=LOOP, learning_rate=0.03, batch_size=4, n_frames=50, channels=12, dilations=(1, 2))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two instruments made of sines: a dull one and a bright one, five notes each."""
    root = tmp_path_factory.mktemp("instruments")
    for name, slope_db in zip(NAMES, SLOPES_DB, strict=True):
        (root / name).mkdir()
        for i, f0_hz in enumerate(PITCHES_HZ):
            course_hz = vibrato(f0_hz, 10.0, 5.0, 0.6)
            note = tone(course_hz, db_per_octave=slope_db, noise_db=-60.0, level_db=-14.0 - 2 * i)
            soundfile.write(root / name / f"{i}.wav", note, SAMPLE_RATE)
    return root / NAMES[0], root / NAMES[1]


@pytest.fixture(scope="module")
def voice_path(folders, tmp_path_factory):
    path = tmp_path_factory.mktemp("voice") / "reed-string.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DDSP_RECIPES, "thirty", lambda: RECIPE)
        request = TrainingRequest(source=folders, out=path, names=NAMES, device="cpu")
        result = train_family("ddsp", request, recipe="thirty")
    assert result.step == 30
    return path


def centroid_hz(audio):
    power = np.square(np.abs(np.fft.rfft(audio)))
    return (np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE) @ power) / power.sum()


@pytest.mark.parametrize("source_slope_db", [-20.0, -6.0], ids=["dull", "bright"])
def test_thirty_steps_tell_two_instruments_apart(voice_path, source_slope_db):
    source = tone(500.0, 1.0, db_per_octave=source_slope_db)
    take = load_voice(voice_path).analyse(source, SAMPLE_RATE)
    rendered = [take.render(mix) for mix in (0.0, 0.5, 1.0)]
    assert all(audio.shape == source.shape for audio in rendered)
    dull_hz, middle_hz, bright_hz = (centroid_hz(audio) for audio in rendered)
    assert dull_hz < middle_hz < bright_hz
    assert bright_hz > 1.3 * dull_hz
    assert take.warnings == ()


def test_the_voice_plays_other_rates_and_channels(voice_path):
    source = np.stack([tone(440.0, 0.5)[::2], 0.5 * tone(440.0, 0.5)[::2]])
    rendered = load_voice(voice_path).analyse(source, SAMPLE_RATE // 2).render(Mix(tone=0.3, room=0.5))
    assert rendered.shape == source.shape
    assert np.isfinite(rendered).all()
    assert np.abs(rendered).max() > 0.01


def test_the_card_says_what_the_voice_is(voice_path):
    _, card = open_voice_file(voice_path)
    assert (card.name, card.family, card.ends) == ("reed-string", "ddsp", NAMES)
    assert card.sample_rate == SAMPLE_RATE
    for name in NAMES:
        lowest_hz, highest_hz = card.pitch_range_hz[name]
        assert PITCHES_HZ[0] * 0.98 < lowest_hz < PITCHES_HZ[1]
        assert PITCHES_HZ[-2] < highest_hz < PITCHES_HZ[-1] * 1.02
        quantiles = np.array(card.settings["loudness_quantiles"][name])
        assert len(quantiles) == 21
        assert (np.diff(quantiles) >= 0).all()
        # 0 dB is the 95th of 100: the loud notes, whatever the gain of the recordings.
        assert quantiles[19] == pytest.approx(0.0, abs=0.1)
        assert quantiles[0] < -2.0
    dial = np.array(card.settings["dial"])
    np.testing.assert_allclose(dial[[0, -1]], [[0.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("seconds", [0.01, 0.5, 4.9, 12.3])
def test_the_file_is_the_network_at_lengths_never_traced(voice_path, seconds):
    """Weights read back from the file by another road: the checkpoint of its run."""
    run = RunFolder(voice_path.with_name("reed-string-run"))
    checkpoint = max(run.path.rglob("*.safetensors"))
    state = read_checkpoint(checkpoint)["modules"]["decoder"]
    decoder = DdspDecoder(
        DdspConfig(n_sources=len(state["room.gain_db"]), channels=RECIPE.channels, dilations=RECIPE.dilations)
    )
    decoder.load_state_dict(state)
    onnx_bytes, _ = open_voice_file(voice_path)
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    given = tiny_ddsp.inputs(math.ceil(seconds * 100), 8)
    from_file = session.run(None, {name: value.numpy() for name, value in given.items()})
    with torch.no_grad():
        from_torch = VoiceGraph(decoder.eval())(given["features"], given["f0_hz"])
    for one, other in zip(from_file, from_torch, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=2e-3)  # dB


def test_a_tilt_turns_one_end_alone_about_a_kilohertz():
    decoder, given = tiny_ddsp.task(2).decoder.eval(), tiny_ddsp.inputs(30, 8)
    with torch.no_grad():
        plain = VoiceGraph(decoder)(given["features"], given["f0_hz"])
        tilted = VoiceGraph(decoder, tilt_db_per_octave=(0.0, -2.0))(given["features"], given["f0_hz"])
    frequency_hz = given["f0_hz"].numpy()[:, None] * np.arange(1, 101)
    for before, after, hz in zip(plain, tilted, (frequency_hz, noise_bands()), strict=True):
        torch.testing.assert_close(after[0], before[0])
        expected = -2.0 * np.log2(np.maximum(hz, 1000.0) / 1000.0)
        gained = (after[1] - before[1]).numpy()
        np.testing.assert_allclose(gained, np.broadcast_to(expected, gained.shape), atol=1e-3)


def test_held_out_notes_keep_the_room_of_their_source():
    """Validation measures the voice in the rooms it knows, and never trains on what it measures."""
    many = [tiny_ddsp.features(end, n_notes=2, seed=seed) for end in range(2) for seed in range(12)]
    training = (many[:10], many[12:22])
    held = (many[10:12], many[22:])
    chosen = DdspTask(training, held, RECIPE, names=NAMES, device=torch.device("cpu"), card={})
    assert [(line.end, line.source) for line in chosen.validation_lines] == [(0, 0), (1, 1)]
    assert [len(line.f0_hz) for line in chosen.validation_lines] == [160, 160]
    assert [len(line.f0_hz) for line in chosen.lines] == [800, 800]


def test_pitch_ranges_leave_out_the_stray_frames():
    (line,) = lines_of([tiny_ddsp.features(0, n_notes=40)], 0, 0)
    line.f0_hz[5], line.f0_hz[10] = 160.0, 3800.0
    lowest_hz, highest_hz = pitch_range_hz([line])
    assert tiny_ddsp.PITCH_RANGE_HZ[0] <= lowest_hz < 500.0
    assert 800.0 < highest_hz <= tiny_ddsp.PITCH_RANGE_HZ[1]


def test_a_folder_of_noise_is_named(folders, tmp_path):
    (tmp_path / "noise").mkdir()
    hiss = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE // 4)
    soundfile.write(tmp_path / "noise" / "a.wav", hiss, SAMPLE_RATE)
    ends = TwoEnds(
        names=NAMES,
        recordings=(list_recordings(folders[0]), list_recordings(tmp_path / "noise")),
        cache=tmp_path / "cache",
        device=torch.device("cpu"),
    )
    with pytest.raises(TrainingError, match="no recording of string has a steady pitch"):
        build_ddsp_task(ends, RECIPE)


def test_preparation_is_reported_over_both_ends(folders, tmp_path):
    shares = []
    recordings = tuple(list_recordings(folder) for folder in folders)
    ends = TwoEnds(
        names=NAMES,
        recordings=recordings,
        cache=tmp_path / "cache",
        device=torch.device("cpu"),
        on_prepare=shares.append,
    )
    build_ddsp_task(ends, RECIPE)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert len(measure_all(recordings[0], tmp_path / "cache")) == len(PITCHES_HZ)
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert again == kept
