"""The exam of strangers keeps the figures of an earlier page."""

import json

import pytest
from strangers import earlier_results

from violute.errors import InputError


def test_what_was_measured_before_is_read_back(tmp_path):
    results = [{"voice": "vae", "clip": "flute/a"}, {"voice": "rave", "clip": "flute/a"}]
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"title": "Strangers", "holds": {}, "results": results}))
    assert earlier_results(path) == results


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"results": 7}', '{"results": [{"clip": "flute/a"}]}'])
def test_what_holds_no_figures_is_one_line(tmp_path, content):
    path = tmp_path / "page.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"page.json: holds no figures of this exam \(.*\): name the .json"):
        earlier_results(path)
    with pytest.raises(InputError, match="holds no figures"):
        earlier_results(tmp_path / "none.json")
