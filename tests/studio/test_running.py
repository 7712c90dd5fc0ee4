"""The studio as a process: how it starts, what it refuses, and that nothing is left when it ends."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from command_line import complaint_of, violute
from studio_server import PREFIX, StudioServer, wait_until

from violute import convert_file
from violute.cli.studio import studio
from violute.errors import InputError
from violute.examples import example_paths
from violute.studio.address import Address, choose_address
from violute.studio.own_names import network_address
from violute.studio.server import serve
from violute.studio.takes.storage import LOCK_NAME, Storage, StorageFullError


def test_the_store_is_bounded_and_leaves_nothing(tmp_path):
    store = Storage(1_000, tmp_path)
    first, second = store.new_folder(), store.new_folder()
    store.claim(first, 700)
    store.claim(first, 800)
    with pytest.raises(StorageFullError, match="holds its"):
        store.claim(second, 201)
    (first / "file").write_bytes(b"x" * 300)
    store.measure(first)
    store.claim(second, 700)
    assert store.used_bytes == 1_000
    store.remove(second)
    assert store.used_bytes == 300
    assert store.root.stat().st_mode & 0o077 == 0, "others may not look inside"
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_dead_studio_go_and_those_of_a_live_one_stay(tmp_path):
    dead = tmp_path / f"{PREFIX}dead"
    (dead / "take").mkdir(parents=True)
    (dead / LOCK_NAME).touch()
    outside = tmp_path / "outside"
    (outside / "take").mkdir(parents=True)
    (outside / LOCK_NAME).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(outside)
    live = Storage(1_000, tmp_path)
    other = Storage(1_000, tmp_path)
    assert live.root.exists()
    assert not dead.exists()
    assert (outside / "take").exists()
    other.close()
    live.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_stopped_studio_leaves_no_process_and_no_file(tmp_path, number):
    server = StudioServer(tmp_path)
    with server.client() as client:
        client.post("/takes", json={"example": "flute"})
        workers = server.workers()
        assert workers
        code = server.stop(number, whole_terminal=number == signal.SIGINT)
    expected = {signal.SIGINT: 0, signal.SIGKILL: -9}
    assert code == expected.get(number, 128 + number)
    wait_until(lambda: not any(is_alive(pid) for pid in workers))
    assert "Traceback" not in server.said()
    if number == signal.SIGKILL:
        assert list(tmp_path.glob(f"temporary/{PREFIX}*"))
        Storage(1_000, tmp_path / "temporary").close()  # as the next studio does
    assert list((tmp_path / "temporary").iterdir()) == []


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_taken_port_is_told_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = violute("studio", "--no-browser", "--port", port, cwd=tmp_path)
    assert f"127.0.0.1:{port}: address already in use" in complaint_of(done)


def test_an_address_of_another_machine_is_refused(tmp_path):
    with pytest.raises(InputError, match="192.0.2.1:0: .* an address of this machine"):
        serve(Address("192.0.2.1"))


@pytest.mark.parametrize(
    ("options", "about"),
    [
        ({"max_minutes": 0.0}, "--max-minutes"),
        ({"max_megabytes": float("nan")}, "--max-megabytes"),
        ({"voice": "nobody"}, "unknown voice 'nobody'"),
        ({"port": 99_999}, "port 99999"),
        ({"token": "short"}, "12 or more"),
        ({"cert": Path("cert.pem")}, "--cert and --key go together"),
        ({"voice": "none.onnx"}, "none.onnx: there is no such voice file"),
    ],
)
def test_wrong_flags_are_refused_before_anything_opens(options, about):
    with pytest.raises(InputError, match=about):
        studio(**options, browser=False)


def test_a_missing_extra_is_told_in_one_line(tmp_path):
    code = "import sys; sys.modules['fastapi'] = None; from violute.cli.main import main; main(['studio'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=os.environ
    )
    assert complaint_of(done).endswith("run pip install 'violute[studio]'")


def test_every_studio_gets_a_token_of_its_own():
    first, second = (choose_address("127.0.0.1", 80, None).token for _ in range(2))
    assert first != second
    assert len(first) >= 32
    assert Address("0.0.0.0", 80, "abc").url == f"http://{network_address()}:80/?token=abc"
    assert Address("::1", 8, "abc").url == "http://[::1]:8/?token=abc"
    with pytest.raises(InputError, match="12 or more"):
        choose_address("0.0.0.0", 80, "spaces and more")


def test_the_documented_script_makes_the_file_that_convert_makes(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("no curl is installed: apt-get install curl")
    readme = (Path(__file__).resolve().parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (script,) = (block for block in blocks if "curl" in block)
    token = re.search(r"--token (\S{12,})`", readme)[1]
    audio, sample_rate = soundfile.read(example_paths()["flute"], stop=88_200)
    soundfile.write(tmp_path / "solo.wav", audio, sample_rate)
    with StudioServer(tmp_path, "--token", token) as server:
        command = ["bash", "-ec", script.replace("8765", str(server.port))]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    convert_file(tmp_path / "solo.wav", tmp_path / "converted.wav", mix=0.5)
    assert (tmp_path / "hybrid.wav").read_bytes() == (tmp_path / "converted.wav").read_bytes()
