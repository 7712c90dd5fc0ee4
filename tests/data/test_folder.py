"""A manifest of anyone's recordings: figures against what was put in, duplicates, and bad input."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import complaint_of, files_below, violute, violute_here
from hypothesis import given
from hypothesis import strategies as st
from tones import tone

from violute.analysis.polyphony.estimate import SAMPLE_RATE, PolyphonyMeter
from violute.cli.data import folder
from violute.data.folder_report import report_folder
from violute.data.manifest import Manifest, ManifestEntry, duplicates, read_manifest, traps_of, write_manifest
from violute.data.recordings import Recording, read_recording
from violute.data.sound_report import SoundReport, report_sound
from violute.errors import AudioError, DataError, InputError

RATE = 44_100
DATA = Path(__file__).parents[3] / "shared" / "data"


def line(seconds=2.0, f0_hz=440.0, level_db=-20.0):
    return tone(f0_hz, seconds, level_db=level_db, noise_db=-70.0)


def write(path, audio, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, **options)
    return path


def entry(path, sha256, **figures):
    known = {"clipped_share": 0.0, "silent_share": 0.0, "polyphonic_share": 0.0, "bandwidth_hz": 20_000.0}
    known |= {"loudness_lufs": -20.0, "true_peak_db": -6.0} | figures
    return ManifestEntry(path, "violin", "train", SoundReport(1.0, RATE, 1, 100, sha256, **known))


def test_figures_of_a_plain_tone(tmp_path):
    sine = 10 ** (-20 / 20) * np.sin(2 * np.pi * 997 * np.arange(3 * RATE) / RATE)
    sound = report_sound(write(tmp_path / "a.wav", np.stack([sine, sine]).T, subtype="FLOAT"))
    assert (sound.seconds, sound.sample_rate, sound.n_channels) == (3.0, RATE, 2)
    assert sound.loudness_lufs == pytest.approx(-20.0, abs=0.05)  # BS.1770: 0 dBFS of 997 Hz on both sides
    assert sound.true_peak_db == pytest.approx(-20.0, abs=0.05)
    assert (sound.clipped_share, sound.silent_share, sound.polyphonic_share) == (0.0, 0.0, 0.0)
    assert sound.bandwidth_hz == pytest.approx(997, abs=300)


def test_clipping_counts_what_stands_at_full_scale(tmp_path):
    audio = 1.5 * np.sin(2 * np.pi * 441 * np.arange(RATE) / RATE)
    clipped = np.clip(audio, -1, 1)
    sound = report_sound(write(tmp_path / "a.wav", clipped, subtype="PCM_16"))
    assert sound.clipped_share == pytest.approx(np.mean(np.abs(audio) >= 0.999), abs=1e-3)
    assert any(trap.startswith("clipped: ") for trap in traps_of(sound))
    hot = report_sound(write(tmp_path / "b.wav", audio, subtype="FLOAT"))  # above full scale, but round
    assert hot.clipped_share < sound.clipped_share
    assert any(trap.startswith("above full scale (+3.5") for trap in traps_of(hot))


@given(
    runs=st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(1, 7)), min_size=1, max_size=40)
)
def test_runs_of_three_count_wherever_a_block_ends(tmp_path_factory, runs):
    from violute.data.sound_report import _ClippingMeter

    audio = np.concatenate([np.full(n, side, dtype=np.float32) for side, n in runs])[None]
    joined = []
    for side, n in runs:
        if joined and joined[-1][0] == side:
            joined[-1][1] += n
        else:
            joined.append([side, n])
    expected = sum(n for side, n in joined if side and n >= 3) / audio.shape[1]
    for block in (1, 2, 5, 1000):
        meter = _ClippingMeter(1)
        for start in range(0, audio.shape[1], block):
            meter.push(audio[:, start : start + block])
        assert meter.share() == pytest.approx(expected)


def test_silence_is_a_share_of_the_time(tmp_path):
    audio = np.concatenate([line(1.0), np.zeros(3 * RATE)])
    sound = report_sound(write(tmp_path / "a.wav", audio))
    assert sound.silent_share == pytest.approx(0.75, abs=0.02)
    assert "mostly silence: 75 %" in traps_of(sound)


@pytest.mark.parametrize("intervals", [3, 4, 5, 7, 8, 9])
def test_two_notes_are_told_from_one(intervals):
    n = 2 * SAMPLE_RATE
    t = np.arange(n) / SAMPLE_RATE

    def note(f0_hz):
        return sum(np.sin(2 * np.pi * k * f0_hz * t + k) / k for k in range(1, 9))

    for f0_hz in (220.0, 330.0, 587.0):
        upper = f0_hz * 2 ** (intervals / 12)
        for audio, low, high in ((note(f0_hz), 0.0, 0.02), (note(f0_hz) + note(upper), 0.9, 1.0)):
            meter = PolyphonyMeter()
            meter.push((0.1 * audio).astype(np.float32))
            assert low <= meter.share() <= high


@given(cut=st.integers(1, 30_000))
def test_polyphony_does_not_depend_on_the_blocks(cut):
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    audio = (0.1 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 554 * t) * (t > 0.5)).astype(
        np.float32
    )
    shares = []
    for pieces in ([audio], [audio[:cut], audio[cut:]]):
        meter = PolyphonyMeter()
        for piece in pieces:
            meter.push(piece)
        shares.append(meter.share())
    assert shares[0] == shares[1]
    assert 0.3 < shares[0] < 0.7


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("violin/john-garner_bwv1002_mov8.mp3", 0.0, 0.12),  # 3 % by the aligned score, in a hall
        ("polyphonic/john-garner_bwv1002_mov7.mp3", 0.2, 0.6),  # 42 %
        ("polyphonic/minji-kim_bwv1003_mov3.opus", 0.2, 0.9),  # 78 %
    ],
)
def test_lines_are_told_from_chords_in_real_violin(name, low, high):
    path = DATA / name
    if not path.is_file():
        pytest.skip("the recordings are not beside this checkout")
    audio = read_recording(Recording(name, path, end_seconds=40.0), SAMPLE_RATE)
    meter = PolyphonyMeter()
    meter.push(audio)
    assert low <= meter.share() <= high


def test_what_mp3_leaves_out_is_told(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(3 * RATE)
    full = report_sound(write(tmp_path / "a.wav", noise))
    assert full.bandwidth_hz > 21_000
    assert not any(trap.startswith("nothing above") for trap in traps_of(full))
    spectrum = np.fft.rfft(noise)
    spectrum[np.arange(len(spectrum)) / 3 > 16_000] = 0
    dull = report_sound(write(tmp_path / "b.wav", np.fft.irfft(spectrum), subtype="FLOAT"))
    assert dull.bandwidth_hz == pytest.approx(16_000, abs=300)
    assert any(trap.startswith("nothing above 16.") for trap in traps_of(dull))


def test_duplicates_by_content_and_by_name():
    found = duplicates(
        [
            entry("a/one.wav", "1"),
            entry("b/other.wav", "1"),
            entry("b/One.flac", "2"),
            entry("c/alone.wav", "3"),
        ]
    )
    assert found == (("a/one.wav", "b/One.flac", "b/other.wav"),)
    assert duplicates([entry("a.wav", "1"), entry("b.wav", "2")]) == ()


def test_a_manifest_reads_back(tmp_path):
    manifest = Manifest("mine", "CC0", "me", (entry("ö/ä b.wav", "1"),), (("a", "b"),), {"archive": "md5 1"})
    write_manifest(manifest, tmp_path / "m.json")
    assert read_manifest(tmp_path / "m.json") == manifest
    for text in ("", "[]", "{}", '{"version": 2}', '{"version": 1, "recordings": []}'):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(DataError, match="no manifest|version 2"):
            read_manifest(tmp_path / "m.json")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder of an instrument each, one file by itself, a duplicate, and a file that is no audio."""
    place = tmp_path_factory.mktemp("folder")
    write(place / "mine" / "violin" / "a b.wav", line())
    write(place / "mine" / "flute" / "音.flac", line(1.0, f0_hz=880.0))
    write(place / "mine" / "loose.wav", line(0.5, f0_hz=300.0), rate=8_000)
    shutil.copy(place / "mine" / "violin" / "a b.wav", place / "mine" / "flute" / "copy.wav")
    (place / "mine" / "flute" / "poem.ogg").write_text("no music" * 100)
    (place / "mine" / "notes.txt").write_text("no audio by its name")
    return place


def test_a_folder_by_instruments(recordings):
    seen = []
    report = report_folder(
        recordings / "mine", licence="CC0", hold_out=["音"], on_progress=lambda *told: seen.append(told)
    )
    found = {e.path: (e.instrument, e.split, e.sound.seconds) for e in report.manifest.recordings}
    assert found == {
        "flute/copy.wav": ("flute", "train", 2.0),
        "flute/音.flac": ("flute", "held_out", 1.0),
        "loose.wav": ("mine", "train", pytest.approx(0.5 * RATE / 8_000, abs=1e-3)),
        "violin/a b.wav": ("violin", "train", 2.0),
    }
    assert (report.manifest.name, report.manifest.licence) == ("mine", "CC0")
    assert report.manifest.duplicates == (("flute/copy.wav", "violin/a b.wav"),)
    (failure,) = report.failed
    assert "poem.ogg is not audio" in failure
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] <= shares[-1] <= 1.0


def test_paths_are_told_from_where_the_manifest_lies(recordings):
    report = report_folder(recordings / "mine" / "violin", manifest_folder=recordings)
    assert [e.path for e in report.manifest.recordings] == ["mine/violin/a b.wav"]


def test_the_verb_prints_a_table_names_what_failed_and_writes_the_manifest(recordings, tmp_path):
    done = violute(
        "data", "folder", recordings / "mine", "--out", "m.json", "--hold-out", "a b", cwd=tmp_path
    )
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert " ".join(lines[0].split()) == "PLAYS SPLIT SECONDS LUFS DBTP CLIPPED SILENT CHORDS UP TO FILE"
    assert any(row.startswith("violin    held_out") and row.endswith("violin/a b.wav") for row in lines)
    assert any("recorded at 8000 Hz" in row for row in lines)
    assert any(row.startswith("duplicates: ") and "copy.wav" in row for row in lines)
    (complaint,) = done.stderr.splitlines()
    assert "poem.ogg is not audio" in complaint
    assert len(read_manifest(tmp_path / "m.json").recordings) == 4


def test_the_verb_tells_programs(recordings, tmp_path):
    shutil.copytree(recordings / "mine" / "violin", tmp_path / "violin")
    done = violute("data", "folder", "violin", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["recordings"][0]["instrument"] == "violin"
    assert document["recordings"][0]["sound"]["seconds"] == 2.0
    manifest = read_manifest(tmp_path / "violin" / "manifest.json")
    assert manifest.recordings[0].path == "a b.wav"
    with pytest.raises(InputError, match="is a folder: name a file"):
        folder(tmp_path / "violin", out=tmp_path)
    again = complaint_of(violute_here("data", "folder", "violin", cwd=tmp_path))
    assert "manifest.json exists: name another --out, or add --force" in again
    assert violute("data", "folder", "violin", "--force", "--quiet", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["gone"], "gone: there is no such folder: name a folder of recordings"),
        (["good/a.wav"], "a.wav: is a file, not a folder"),
        (["empty"], "empty: the folder holds no audio"),
        (["bad"], "no recording in it can be used: bad/nothing.wav is empty (0 bytes)"),
        (["good", "--out", "gone/m.json"], "there is no folder gone"),
    ],
)
def test_bad_input_leaves_everything_as_it_was(tmp_path, arguments, reason):
    write(tmp_path / "good" / "a.wav", line(0.3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "nothing.wav").write_bytes(b"")
    write(tmp_path / "bad" / "silent.wav", np.zeros(RATE))
    before = files_below(tmp_path)
    assert reason in complaint_of(violute_here("data", "folder", *arguments, cwd=tmp_path))
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("audio", [np.zeros(8_000), np.full(8_000, 0.25)])
def test_silence_is_no_recording(tmp_path, audio):
    with pytest.raises(AudioError, match="is silent"):
        report_sound(write(tmp_path / "a.wav", audio, subtype="FLOAT"))
