"""`violute stream` as a process: raw sound through a pipe."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tones import SAMPLE_RATE, tone

from violute.cli.stream import LateBlocks
from violute.families.ddsp.stream import LATENCY_SAMPLES
from violute.voices.load import load_voice

VIOLUTE = [sys.executable, "-m", "violute", "stream"]


def run(raw: bytes, *options: str):
    return subprocess.run([*VIOLUTE, *options], input=raw, capture_output=True, timeout=120)


def but_underruns(told: bytes) -> bytes:
    """What was said, without what a busy machine adds to it."""
    return b"".join(line for line in told.splitlines(keepends=True) if b"underrun" not in line)


@pytest.fixture(scope="module")
def audio():
    return np.float32(0.3) * tone(440.0, 0.6)


def test_it_pipes_what_the_library_streams(audio):
    done = run(audio.astype("<f4").tobytes(), "--mix", "0.25")
    assert done.returncode == 0, done.stderr
    stream = load_voice().stream(0.25)
    expected = np.concatenate([stream.push(audio), stream.flush()])
    piped = np.frombuffer(done.stdout, "<f4")
    assert len(piped) == len(audio) + LATENCY_SAMPLES
    np.testing.assert_allclose(piped, expected, atol=1e-3)  # -60 dB
    assert b"20 ms behind" in done.stderr


def test_integers_go_in_and_out(audio):
    done = run((audio * 32_767).astype("<i2").tobytes(), "--encoding", "s16le", "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")
    piped = np.frombuffer(done.stdout, "<i2")
    assert len(piped) == len(audio) + LATENCY_SAMPLES
    assert 3_000 < np.abs(piped[12_000:20_000]).max() < 32_768


def test_sound_leaves_before_the_end_comes():
    process = subprocess.Popen(VIOLUTE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        process.stdin.write(np.zeros(SAMPLE_RATE // 4, "<f4").tobytes())
        process.stdin.flush()
        assert len(process.stdout.read(4 * (SAMPLE_RATE // 4))) == 4 * (SAMPLE_RATE // 4)
        process.stdin.close()
        assert len(process.stdout.read()) == 4 * LATENCY_SAMPLES
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        (b"RIFF1234WAVEfmt ", (), "is a WAV file"),
        (np.zeros(100, "<f4").tobytes() + b"\0\0\0", (), "3 bytes into a sample of 4"),
        (np.array([0.0, np.inf] * 10, "<f4").tobytes(), (), "no sound in f32le: say its --encoding"),
        (np.array([1e9] * 10, "<f4").tobytes(), (), "no sound in f32le"),
        (b"ID3\x03" + bytes(16), (), "is an MP3 file"),
        (b"", ("--mix", "2"), "give a number from 0 to 1"),
        (b"", ("--voice", "nowhere.onnx"), "there is no such voice file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(raw, options, message):
    done = run(raw, "--quiet", *options)
    assert done.returncode == 2
    told = done.stderr.decode()
    assert message in told
    assert told.count("\n") == 1


def test_a_terminal_is_told_what_to_do():
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(VIOLUTE, stdin=follower, capture_output=True, timeout=120)
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 2
    assert b"standard input is a terminal: pipe raw sound into this" in done.stderr


def test_a_full_disk_is_one_line(audio):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*VIOLUTE, "--quiet"], input=audio.tobytes(), stdout=full, stderr=subprocess.PIPE, timeout=120
        )
    assert done.returncode == 2
    assert b"the sound cannot be sent on (no space left on device)" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_ctrl_c_ends_it_with_a_word():
    # A runner in the background hands on that SIGINT is ignored; at a terminal it is not.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    start = f"{heed}; from violute.cli.main import main; main()"
    command = [sys.executable, "-c", start, *VIOLUTE[3:]]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(bytes(4 * SAMPLE_RATE))
    process.stdin.flush()
    process.stdout.read(4)  # it plays by now
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, but_underruns(told)) == (130, b"violute: interrupted\n")


def test_nothing_in_gives_the_delay_and_nothing_else():
    done = run(b"")
    assert done.returncode == 0
    assert len(done.stdout) == 4 * LATENCY_SAMPLES


def test_it_ends_quietly_when_whoever_listens_leaves():
    process = subprocess.Popen(VIOLUTE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(bytes(4 * SAMPLE_RATE))
    process.stdin.flush()
    process.stdout.read(4)
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        for _ in range(20):
            process.stdin.write(bytes(4 * SAMPLE_RATE))
            process.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), but_underruns(told)) == (0, b"")


def test_a_block_that_takes_longer_than_it_lasts_is_an_underrun():
    class Slow:
        """Takes as many seconds for a block as the test says."""

        now = 0.0
        takes = iter([9.0, 0.05, 0.3, 0.05, 0.4])

        def push(self, block):
            self.now += next(self.takes)
            return block

    slow, told = Slow(), []
    late = LateBlocks(1000, warn=told.append, clock=lambda: slow.now)
    for _ in range(5):
        late.played(slow, np.zeros(100, np.float32))
    assert (late.n_late, late.n_blocks) == (2, 5), "the first waits for the network"
    assert len(told) == 1
    assert "underrun" in told[0]
    assert late.summary() == ", 2 of 5 blocks too late (underruns)"
