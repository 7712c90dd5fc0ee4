"""The second opinion: weights are read as they were written, and the network is the one of the paper."""

import struct
from pathlib import Path

import numpy as np
import pytest
from exam.checkpoint import read_checkpoint
from exam.tagger import FLUTE, N_TAGS, VIOLIN, Tagger

from violute.errors import DataError

N_FRONT = 2 * 204 + 3 * 51


def number(value: int) -> bytes:
    written = bytearray()
    while value >= 128:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def field(place: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + number(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    written, before = b"", b""
    for key, value in entries:
        n_shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), 0)
        written += (
            number(n_shared) + number(len(key) - n_shared) + number(len(value)) + key[n_shared:] + value
        )
        before = key
    return written + struct.pack("<II", 0, 1)


def write_checkpoint(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """As TensorFlow writes it, in one block."""
    folder.mkdir(parents=True)
    data, entries = b"", [(b"", b"header")]
    for name in sorted(tensors):
        tensor = np.asarray(tensors[name], np.float32)
        shape = b"".join(field(2, field(1, size)) for size in tensor.shape)
        entry = field(1, 1) + field(2, shape) + field(4, len(data)) + field(5, tensor.nbytes)
        entries.append((name.encode(), entry + number(6 << 3 | 5) + bytes(4)))
        data += tensor.tobytes()
    (folder / ".data-00000-of-00001").write_bytes(data)
    first = block(entries)
    second = block([(b"~", number(0) + number(len(first)))])
    place = len(first) + 5
    footer = number(0) + number(0) + number(place) + number(len(second))
    (folder / ".index").write_bytes(first + bytes(5) + second + bytes(5) + footer.ljust(48, b"\0"))


def network(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights of the network's shapes: all that hears is 0, so that only the last biases speak."""
    kernels = [(7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51)]
    kernels += [(7, N_FRONT, 1, 64), (7, 64, 1, 64), (7, 64, 1, 64)]
    tensors: dict[str, np.ndarray] = {}
    for i, shape in enumerate(kernels):
        name = f"conv2d_{i}" if i else "conv2d"
        tensors |= {f"{name}/kernel": np.zeros(shape), f"{name}/bias": np.zeros(shape[-1])}
    sizes = [1, *(shape[-1] for shape in kernels), 2 * (N_FRONT + 3 * 64), 200]
    for i, size in enumerate(sizes):
        name = f"batch_normalization_{i}" if i else "batch_normalization"
        tensors |= {f"{name}/gamma": np.ones(size), f"{name}/beta": np.zeros(size)}
        tensors |= {f"{name}/moving_mean": np.zeros(size), f"{name}/moving_variance": np.ones(size) - 1e-3}
    tensors |= {"dense/kernel": np.zeros((sizes[9], 200)), "dense/bias": np.zeros(200)}
    return tensors | {"dense_1/kernel": np.zeros((200, N_TAGS)), "dense_1/bias": rng.normal(size=N_TAGS)}


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {"a/kernel": rng.normal(size=(3, 200)), "a/bias": rng.normal(size=4), "b": np.array(2.0)}
    write_checkpoint(tmp_path / "c", tensors)
    found = read_checkpoint(tmp_path / "c")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor.astype(np.float32))


def test_what_is_no_checkpoint_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no checkpoint"):
        read_checkpoint(tmp_path)
    write_checkpoint(tmp_path / "c", {"a": np.ones(3)})
    path = tmp_path / "c" / ".index"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match="damaged"):
        read_checkpoint(tmp_path / "c")


def test_without_ears_the_last_biases_speak(tmp_path: Path) -> None:
    tensors = network(np.random.default_rng(1))
    write_checkpoint(tmp_path / "musicnn" / "MTT_musicnn", tensors)
    noise = np.random.default_rng(2).standard_normal(30_000)
    tags = Tagger(tmp_path).tags(noise, 44_100)
    np.testing.assert_allclose(tags, 1.0 / (1.0 + np.exp(-tensors["dense_1/bias"])), rtol=1e-5)
    opinion = Tagger(tmp_path).hear(noise, 44_100)
    assert opinion.mass == pytest.approx(tags[VIOLIN] + tags[FLUTE])
    assert opinion.posterior == pytest.approx(tags[VIOLIN] / opinion.mass)


@pytest.mark.parametrize("conv", [0, 2, 4])
def test_a_filter_of_one_place_hears_the_loudest_band_of_its_moment(tmp_path: Path, conv: int) -> None:
    tensors = network(np.random.default_rng(1))
    name = f"conv2d_{conv}" if conv else "conv2d"
    n_frames = tensors[f"{name}/kernel"].shape[0]
    tensors[f"{name}/kernel"][(n_frames - 1) // 2, 0, 0, 0] = 1.0
    first = [0, 204, 408, 459, 510][conv]
    tensors["dense/kernel"][2 * first, 0] = 1.0  # its loudest moment
    tensors["dense_1/kernel"][0, 0] = 1.0
    write_checkpoint(tmp_path / "musicnn" / "MTT_musicnn", tensors)
    loud, soft = (
        Tagger(tmp_path).tags(gain * np.random.default_rng(2).standard_normal(60_000), 16_000)
        for gain in (0.3, 0.03)
    )
    assert loud[0] > soft[0] + 0.01
    np.testing.assert_allclose(loud[1:], soft[1:], rtol=1e-5)
