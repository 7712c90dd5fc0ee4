"""Two runs with one output: the second loses, whether it comes late or both began together."""

from functools import partial

import numpy as np
import pytest
import soundfile
import tiny_nsynth
from bench_document import document
from command_line import put_voice
from tones import SAMPLE_RATE, tone

from violute import whole_file
from violute.cli.bench import _write_report
from violute.cli.main import app
from violute.errors import InputError
from violute.families.nsynth.codes import Codes
from violute.families.table import FAMILIES, Family
from violute.whole_file import take_name

VERBS = {
    "rainbow": ("rainbow solo.wav out.png", "out.png"),
    "prepare invert": ("prepare invert store:0 out.wav", "out.wav"),
    "demo": ("demo --voice sines --out demo", "demo/flute_bwv1013-mix0.00.wav"),
    "encode": ("encode solo.wav out.npz --voice voices/codec.onnx", "out.npz"),
    "decode": ("decode codes.npz out.wav --voice voices/codec.onnx", "out.wav"),
    "data folder": ("data folder low", "low/manifest.json"),
}


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    """A tiny voice of the family nsynth."""
    path = tmp_path_factory.mktemp("codec") / "codec.onnx"
    tiny_nsynth.task().export(path)
    return path


@pytest.fixture
def place(tmp_path, monkeypatch, codec):
    """A recording, a store of pictures and a voice, in the folder at work."""
    put_voice(tmp_path)
    monkeypatch.setitem(FAMILIES, "sines", Family("fake_voice:SineVoice"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "voices" / "codec.onnx").symlink_to(codec)
    tracks = np.full(20, -20.0, np.float32), np.full(8, 440.0, np.float32), np.full(8, -20.0, np.float32)
    Codes(np.zeros((20, 4), np.float32), *tracks, 20 * 64, 16_000, 64).write(tmp_path / "codes.npz")
    (tmp_path / "low").mkdir()
    for name in ("solo.wav", "low/note.wav"):
        soundfile.write(tmp_path / name, tone(440.0, 0.5), SAMPLE_RATE)
    run("prepare low --out store --no-images --jobs 1 --quiet")
    return tmp_path


def run(command):
    return app(command.split(), exit_on_error=False, print_error=False, result_action="return_value")


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_there_stays_unless_it_may_be_replaced(place, verb):
    command, name = VERBS[verb]
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_bytes(b"precious")
    with pytest.raises(InputError, match=f"{name} exists: .*--force"):
        run(command)
    assert (place / name).read_bytes() == b"precious"
    assert run(f"{command} --force --quiet") == 0
    assert (place / name).stat().st_size > 100


@pytest.mark.parametrize("verb", VERBS)
def test_of_two_that_began_together_the_later_loses(place, monkeypatch, verb):
    command, name = VERBS[verb]

    def overtaken(partial, path, *, overwrite=True):
        path.write_bytes(b"of the first")
        take_name(partial, path, overwrite=overwrite)

    monkeypatch.setattr(whole_file, "take_name", overtaken)
    with pytest.raises(InputError, match=f"{name} exists already"):
        run(f"{command} --quiet")
    assert (place / name).read_bytes() == b"of the first"
    assert not list(place.rglob(whole_file.PARTIAL_NAMES))


def test_a_report_of_the_bench_is_kept_too(place):
    report = place / "report.md"
    report.write_bytes(b"precious")
    write = partial(_write_report, document(), [], [], place / "report", 0, with_webmushra=False)
    with pytest.raises(InputError, match=r"report\.md exists: .*--force"):
        run("bench --data . --out report")
    with pytest.raises(InputError, match=r"report\.md exists already"):
        write(overwrite=False)
    assert report.read_bytes() == b"precious"
    write(overwrite=True)
    assert report.read_text().startswith("# ")
