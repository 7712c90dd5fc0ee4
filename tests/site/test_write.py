"""`violute site` writes a whole folder of its own, or nothing."""

import json
import re
import struct
from pathlib import Path

import pytest
from command_line import violute_here

from violute.cli.main import main
from violute.errors import InputError, VoiceError
from violute.site import write
from violute.site.write import SHARED, STUDIO_PAGE, shared_files, site_files, write_site
from violute.voices.load import DEFAULT_VOICE

ROOT = Path(__file__).parents[2]
LOW_VOICE = "violute-clarinet-cello"
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def files():
    return site_files([DEFAULT_VOICE])


def test_it_holds_all_that_the_page_asks_for_in_five_megabytes(files):
    assert sum(map(len, files.values())) < MOST_BYTES
    asked = set()
    for name, content in files.items():
        if name.endswith((".js", ".html", ".css")):
            text = content.decode()
            asked |= set(re.findall(r'(?:from|URL\(|href=|src=|import) ?\(?"(?:\./)?([a-z_]+\.[a-z]+)', text))
            assert "/page/" not in text, f"{name} names a folder of the studio's server"
    assert {"live.js", "live_processor.js", "render_worker.js", "icons.svg", "site.css"} <= asked
    assert asked <= set(files)
    assert all(example["file"] in files for example in json.loads(files["site.json"])["examples"])


def test_what_both_pages_need_is_the_studios(files):
    assert set(SHARED) <= set(shared_files())
    for name in shared_files():
        assert files[name] == (STUDIO_PAGE / name).read_bytes().replace(b"/page/", b"./"), name


def test_it_names_whose_work_it_is(files):
    told = files["licences.txt"].decode()
    for path in ("LICENSE", "examples/FLUIDR3_LICENCE.txt"):
        assert (ROOT / path).read_text("utf-8") in told
    assert b'href="licences.txt"' in files["index.html"]


def test_it_can_be_installed(files):
    manifest = json.loads(files["manifest.webmanifest"])
    assert {"name", "start_url", "display", "icons"} <= set(manifest)
    for icon in manifest["icons"]:
        content = files[icon["src"]]
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", content[16:24])
            assert icon["sizes"] == f"{width}x{height}"
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}


def test_another_content_is_another_version(files):
    def version(content):
        return re.search(r'VERSION = "([0-9a-f]{16})"', content.decode()).group(1)

    kept = json.loads(re.search(r"JSON.parse\('(.*)'\)", files["service_worker.js"].decode()).group(1))
    assert set(kept) == {"./", *files} - {"service_worker.js"}
    assert version(files["service_worker.js"]) == version(site_files([DEFAULT_VOICE])["service_worker.js"])
    assert version(files["service_worker.js"]) != version(site_files([LOW_VOICE])["service_worker.js"])


def test_a_site_is_replaced_and_nothing_else_is(tmp_path):
    folder = tmp_path / "site"
    assert write_site(folder, [LOW_VOICE]).n_files == len(list(folder.iterdir()))
    write_site(folder)
    assert not (folder / "clarinet-cello.live").exists()
    assert (folder / "violin-flute.live").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    (folder / "CNAME").write_text("voice.example")
    with pytest.raises(InputError, match="CNAME"):
        write_site(folder)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.txt").write_text("la")
    with pytest.raises(InputError, match="something else than a site"):
        write_site(tmp_path / "music")
    (tmp_path / "music" / "site.json").write_text(
        '{"written_by": "another", "files": ["song.txt", "site.json"]}'
    )
    with pytest.raises(InputError, match="something else than a site"):
        write_site(tmp_path / "music")
    with pytest.raises(InputError, match="is no folder"):
        write_site(tmp_path / "music" / "song.txt")


def test_where_the_disk_refuses_the_former_site_stays(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    write_site(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    contents = {"index.html": b"new", "no/such/folder.js": b"new"}
    monkeypatch.setattr(write, "site_files", lambda _: contents)
    with pytest.raises(InputError, match="make room"):
        write_site(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_where_the_new_site_cannot_take_its_name_the_former_one_stays(tmp_path, monkeypatch):
    """Not even its own name may be given back: then it is there under the hidden one."""
    folder = tmp_path / "site"
    write_site(folder)
    before = {path.name for path in folder.iterdir()}
    rename, n_renamed = Path.rename, 0

    def refuse(path, target):
        nonlocal n_renamed
        n_renamed += 1
        if n_renamed > 1:
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError, match="cannot be written"):
        write_site(folder)
    (left,) = tmp_path.iterdir()
    assert {path.name for path in left.iterdir()} == before


@pytest.mark.parametrize("name", [".", ".."])
def test_the_folder_where_it_runs_is_not_replaced(tmp_path, monkeypatch, name):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(InputError, match="where this command runs"):
        write_site(Path(name))


def test_voices_that_cannot_be_offered_are_refused(tmp_path):
    with pytest.raises(InputError, match="another voice of this site"):
        write_site(tmp_path / "site", [DEFAULT_VOICE, DEFAULT_VOICE])
    with pytest.raises(VoiceError):
        write_site(tmp_path / "site", ["no-such-voice"])
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_wrote_and_refuses_in_one_line(tmp_path):
    done = violute_here("site", "out", "--voice", DEFAULT_VOICE, "--voice", LOW_VOICE, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_files"] == len(list((tmp_path / "out").iterdir()))
    voices = json.loads((tmp_path / "out" / "site.json").read_text())["voices"]
    assert [voice["ends"] for voice in voices] == [["flute", "violin"], ["clarinet", "cello"]]
    with pytest.raises(SystemExit) as left:
        main(["site", str(tmp_path)])
    assert left.value.code == 2
