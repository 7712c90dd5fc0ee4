"""Automation from CSV: what was written is what is read, and a mistake is found by its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import MixError
from violute.voices.automation import read_automation


@pytest.fixture
def written(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "moves.csv"
        path.write_text(text, encoding=encoding, newline="")
        return path

    return write


@given(
    st.lists(st.tuples(st.floats(0.0, 1e5), st.floats(0.0, 1.0)), min_size=1, unique_by=lambda pair: pair[0]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_break_points_survive_the_file(tmp_path_factory, points, has_header, line_break):
    points = sorted(points)
    lines = ["seconds,mix"] * has_header + [f"{second!r},{value!r}" for second, value in points]
    path = tmp_path_factory.mktemp("csv") / "moves.csv"
    path.write_bytes((line_break.join(lines) + line_break).encode())
    assert read_automation(path) == tuple(points)


def test_spaces_comments_empty_lines_and_a_byte_order_mark_pass(written):
    text = "\ufeffseconds,mix\n# the bridge\n 0 , 0.0\n\n2.5,1\n,\n"
    assert read_automation(written(text)) == ((0.0, 0.0), (2.5, 1.0))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no break-points"),
        ("seconds,mix\n", "no break-points"),
        ("0,0.5\n1\n", "line 2: '1' is not a pair"),
        ("0,0.5,1\n", "line 1: .* is not a pair"),
        ("0;0.5;1\n", "line 1: '0;0.5;1' is not a pair"),
        ("0,5,0,25\n", "is not a pair: .*decimal commas, a semicolon between the two"),
        ("0.5 0.25\n", "line 1: .* is not a pair"),
        ("0,0.5\n1,1.0000001\n", "line 2: the mix is 1.0000001: give"),
        ("1.0000001,0\n1,1\n", "line 2: 1 s does not come after 1.0000001 s"),
        ("seconds,mix\n0,half\n", "line 2: '0,half' is not two numbers"),
        ("0,half\n", "line 1: '0,half' is not two numbers"),
        ("0,0.1\nseconds,mix\n", "line 2: 'seconds,mix' is not two numbers"),
        ("0,0.5\n1,1.5\n", "line 2: the mix is 1.5: give a number from 0 to 1"),
        ("mix,seconds\n0,0\n1,1\n", "line 1: 'mix,seconds' puts seconds second: write seconds,mix"),
        ("seconds,mix\nseconds,mix\n0,0\n", "line 2: 'seconds,mix' is not two numbers"),
        ("0,nan\n", "line 1: the mix is nan"),
        ("-1,0.5\n", "line 1: the time is -1 s"),
        ("inf,0.5\n", "line 1: the time is inf s"),
        ("0,0\n2,1\n\n1,0.5\n", "line 4: 1 s does not come after 2 s"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(written, text, complaint):
    path = written(text)
    with pytest.raises(MixError, match=complaint) as caught:
        read_automation(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "lines",
    [
        ["0,0.25", "1.5,1"],
        ["seconds,mix", "0,0.25", "1.5,1"],
        ["0;0.25", "1.5;1"],
        ["Sekunden;Mischung", "0;0,25", "1,5;1,0"],
        ["# a; b", "0,0.25", "1.5,1"],
        ["0\t0.25", "1.5\t1"],
        ["0\t0,25", "1,5\t1"],
        ["0,\t0.25", "1.5,\t1"],
        ['"0";"0,25"', '"1,5";"1"'],
        ['"0","0,25"', '"1,5","1"'],
        ["sep=;", "Sekunden;Mischung", "0;0,25", "1,5;1"],
        ["# the bridge", "seconds,mix", "0,0.25", "1.5,1"],
    ],
)
def test_what_spreadsheets_write_is_read(written, lines, line_break, encoding):
    path = written(line_break.join([*lines, ""]), encoding)
    assert read_automation(path) == ((0.0, 0.25), (1.5, 1.0))


def test_what_is_no_text_file_is_refused(tmp_path, written):
    with pytest.raises(MixError, match="no such automation file"):
        read_automation(tmp_path / "gone.csv")
    with pytest.raises(MixError, match="cannot be read"):
        read_automation(tmp_path)
    with pytest.raises(MixError, match="not a text file"):
        read_automation(written("0,0.5 é\n", encoding="latin-1"))
    (tmp_path / "zeros.csv").write_bytes(b"\x00" * 40)
    with pytest.raises(MixError, match="zeros.csv, line 1"):
        read_automation(tmp_path / "zeros.csv")
