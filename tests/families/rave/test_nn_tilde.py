"""RAVE in nn~'s form, called as the host calls it; and such files from elsewhere, as voices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from command_line import violute
from tones import SAMPLE_RATE, tone
from torch import Tensor, nn

from violute.errors import VoiceError
from violute.families.rave.torchscript import blended, found_delay_samples, open_torchscript_voice
from violute.voices.load import load_voice

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

MAKE = """
from pathlib import Path
import tiny_rave
task = tiny_rave.task()
[module.eval() for module in task.modules().values()]
task.export(Path({ts!r}))
task.export(Path({onnx!r}))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Exports of ours, from a process without the type checker, which TorchScript cannot read through."""
    place = tmp_path_factory.mktemp("nn")
    code = MAKE.format(ts=str(place / "tiny.ts"), onnx=str(place / "tiny.onnx"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=Path(__file__).parents[2] / "support",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    soundfile.write(place / "solo.wav", 0.3 * tone(440.0, 0.7), SAMPLE_RATE)
    return place


@pytest.fixture
def model(place):
    return torch.jit.load(place / "tiny.ts")


def host(model, method, audio, n_vec):
    """What the external does: fold its buffers by the ratio in, call, hold by the ratio out."""
    n_in, ratio_in, n_out, ratio_out = getattr(model, f"{method}_params").tolist()
    blocks = []
    for block in audio.split(n_vec, dim=2):
        given = block.reshape(1, n_in, -1, ratio_in).select(-1, -1)
        with torch.inference_mode():
            made = getattr(model, method)(given)
        held = made.repeat_interleave(ratio_out).reshape(1, n_out, -1)
        assert held.shape[2] == n_vec, "model output size is not consistent"
        blocks.append(held)
    return torch.cat(blocks, dim=2)


def noise(n_samples):
    return 0.1 * torch.randn(1, 1, n_samples, generator=torch.Generator().manual_seed(0))


def test_methods_and_attributes_are_listed_and_described(model):
    assert model.get_methods() == ["encode", "decode", "forward"]
    assert model.encode_params.tolist() == [1, 1, 8, 128]
    assert model.decode_params.tolist() == [8, 128, 1, 1]
    assert model.forward_params.tolist() == [1, 1, 1, 1]
    assert model.get_attributes() == ["mix"]
    assert model.mix_params.tolist() == [2]
    assert model.set_mix(0.25) == 0
    assert model.get_mix() == 0.25
    model.set_mix(7.0)
    assert model.get_mix() == 1.0


def test_blocks_from_128_samples_encode_as_the_whole_does(model, place):
    audio = noise(128 * 40)
    whole = host(model, "encode", audio, 128 * 40)
    for n_vec in (128, 512, 1024):
        fresh = torch.jit.load(place / "tiny.ts")
        torch.testing.assert_close(host(fresh, "encode", audio, n_vec), whole, atol=1e-5, rtol=0.0)


def test_forward_is_encode_and_decode_and_agrees_with_the_voice_file(model, place):
    audio = noise(128 * 40)
    model.set_mix(1.0)
    streamed = host(model, "forward", audio, 128)
    voice = load_voice(place / "tiny.onnx")
    latent = voice.encode(audio[0, 0].numpy())
    silent = np.zeros((16, len(latent) * 8), np.float32)
    plain = voice.decode(latent, np.ones(len(latent), np.float32), silent)
    # The noise differs, and is nearly silent before training.
    assert np.corrcoef(streamed[0, 0].numpy(), plain)[0, 1] > 0.97
    fresh = torch.jit.load(place / "tiny.ts")
    fresh.set_mix(1.0)
    latents = host(fresh, "encode", audio, 256)
    decoded = host(fresh, "decode", latents, 256)
    assert np.corrcoef(decoded[0, 0].numpy(), plain)[0, 1] > 0.97


def test_the_dial_is_heard(place):
    made = []
    for mix in (0.0, 1.0):
        model = torch.jit.load(place / "tiny.ts")
        model.set_mix(mix)
        torch.manual_seed(0)
        made.append(host(model, "forward", noise(128 * 20), 256))
    assert not torch.allclose(made[0], made[1], atol=1e-5)


class Elsewhere(nn.Module):
    """A stand-in for an export made elsewhere: softer by half, late by 2048 samples, and it remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))
        self.register_buffer("past", torch.zeros(1, 1, 2048))
        self.sr = 44_100

    def forward(self, x: Tensor) -> Tensor:
        whole = torch.cat([self.past, x], dim=2)
        self.past = whole[:, :, x.shape[2] :]
        return 0.5 * whole[:, :, : x.shape[2]].abs()

    @torch.jit.export
    def get_methods(self):
        # type: () -> List[str]
        return ["forward"]


@pytest.fixture(scope="module")
def elsewhere(place):
    path = place / "elsewhere.ts"
    torch.jit.script(Elsewhere()).save(path)
    return path


def swelling():
    steps = np.repeat(np.random.default_rng(0).uniform(0.1, 1.0, 40), 2205)
    return (0.3 * tone(440.0, 2.0) * steps).astype(np.float32)


def test_an_export_from_elsewhere_is_a_voice_from_the_recording_to_the_model(elsewhere):
    audio = swelling()
    voice = open_torchscript_voice(elsewhere)
    assert (voice.card.ends, voice.card.sample_rate) == (("recording", "elsewhere"), 44_100)
    take = voice.analyse(audio, SAMPLE_RATE)
    at = {mix: take.render(mix) for mix in (0.0, 0.5, 1.0)}
    assert all(one.shape == audio.shape for one in at.values())
    inside = slice(4096, -4096)
    assert np.corrcoef(at[0.0][inside], audio[inside])[0, 1] > 0.999
    courses = [np.sqrt(np.convolve(np.square(one), np.ones(441), "same")) for one in (at[1.0], audio)]
    assert np.corrcoef(*courses)[0, 1] > 0.97, "its delay is taken back"
    assert np.corrcoef(at[0.5][inside], audio[inside])[0, 1] < 0.999


def test_our_own_export_has_its_dial_inside(place):
    voice = open_torchscript_voice(place / "tiny.ts")
    assert voice.has_dial
    take = voice.analyse(swelling(), SAMPLE_RATE)
    assert not np.allclose(take.render(0.0), take.render(1.0), atol=1e-3)
    onnx = load_voice(place / "tiny.onnx").analyse(swelling(), SAMPLE_RATE).render(0.0)
    assert np.corrcoef(take.render(0.0), onnx)[0, 1] > 0.95, "aligned as the voice file's is"


def test_the_delay_is_found_from_the_loudness():
    audio = swelling()
    late = np.concatenate([np.zeros(9261, np.float32), audio])[: len(audio)]
    assert found_delay_samples(audio, late, SAMPLE_RATE) == pytest.approx(9261, abs=441)
    assert found_delay_samples(audio, audio, SAMPLE_RATE) == 0


def test_a_blend_begins_and_ends_at_its_spectra():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((5, 3, 2)).view(np.complex128)[..., 0].astype(np.complex64) for _ in range(2))
    mix = np.array([0.0, 0.5, 1.0], np.float32)
    made = blended(a, b, mix)
    np.testing.assert_allclose(made[:, 0], a[:, 0], rtol=1e-4)
    np.testing.assert_allclose(made[:, 2], b[:, 2], rtol=1e-4)
    np.testing.assert_allclose(np.abs(made[:, 1]), np.sqrt(np.abs(a[:, 1] * b[:, 1])), rtol=1e-4)


def test_the_command_converts_and_warns_once_that_the_file_is_a_program(place, elsewhere):
    for name in ("elsewhere.ts", "tiny.ts"):
        done = violute("convert", "solo.wav", f"{name}.wav", "--voice", name, "--mix", "1", cwd=place)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("use only files whose maker you trust") == 1
        made, _ = soundfile.read(place / f"{name}.wav")
        assert np.abs(made).max() > 0.01


def test_what_is_no_such_file_is_told(place):
    (place / "junk.ts").write_bytes(b"junk")
    torch.jit.script(nn.Conv1d(1, 1, 1)).save(place / "plain.ts")
    with pytest.raises(VoiceError, match="no model in the form of nn~"):
        open_torchscript_voice(place / "junk.ts")
    with pytest.raises(VoiceError, match="no model in the form of nn~"):
        open_torchscript_voice(place / "plain.ts")
    with pytest.raises(VoiceError, match="cannot be read"):
        open_torchscript_voice(place / "nowhere.ts")
    with pytest.raises(VoiceError, match="is TorchScript"):
        load_voice(place / "plain.ts")
