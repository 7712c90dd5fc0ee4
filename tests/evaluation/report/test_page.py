"""The report in a real browser, opened from disk: its trials are played through by keyboard."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import bench_document
import pytest
from bench_document import heard_clip
from browser import Browser, find_chromium
from command_line import violute

from violute.evaluation.report.html import report_html
from violute.evaluation.report.listening_results import aggregate, read_answers


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report with spaces.html"
    path.write_text(report_html(bench_document.document(), [heard_clip()]), encoding="utf-8")
    return path


@pytest.fixture
def browser(tmp_path):
    if find_chromium() is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    with Browser(tmp_path / "browser") as started:
        yield started


def test_the_page_holds_everything_itself(page):
    text = page.read_text(encoding="utf-8")
    outside = re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text)
    # References inside a plot are to the plot itself.
    assert [found for found in outside if "xlink" not in found] == []
    assert "@import" not in text
    assert text.count("<svg") == 4
    assert text.count("data:image/png;base64,") == 1
    assert "{{" not in text.split("<script>")[0]
    assert "one &lt;&amp; two&gt;" in text
    assert "it is &lt;silent&gt;" in text


class Tags(HTMLParser):
    """What a browser would take for elements."""

    def __init__(self):
        super().__init__()
        self.names = []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)


def test_a_name_stays_text():
    name = "</script><blink>"
    document = json.loads(json.dumps(bench_document.document()).replace("hybrid", name))
    clip = heard_clip()
    renderings = {(who.replace("hybrid", name), mix): audio for (who, mix), audio in clip.renderings.items()}
    tags = Tags()
    tags.feed(report_html(document, [replace(clip, renderings=renderings)]))
    assert "blink" not in tags.names
    assert tags.names.count("script") == 3


def play_pair(browser, answer):
    for key in ("a", "b", "x"):
        browser.press(key)
        browser.wait_for("player.sound !== null")
        browser.press(" ")
    browser.press(answer)


def row(browser, i, part):
    return browser.evaluate(
        f"document.querySelectorAll('#test .row')[{i}].querySelector('{part}').textContent"
    )


def test_trials_are_played_through_by_keyboard_and_read_back(page, browser, tmp_path):
    browser.open(page)
    plan = json.loads(browser.evaluate("document.getElementById('prepared-trials').textContent"))
    browser.evaluate("document.getElementById('listener').focus()")
    for letter in "ann":
        browser.press(letter)
    browser.press("Enter")
    expected = {}
    for _ in plan["trials"]:
        kind = browser.wait_for("document.querySelector('#test h3')?.textContent")
        if kind.startswith("X is"):
            # Nothing is taken before everything was heard.
            browser.press("1")
            browser.press("Enter")
            assert "Play A, B and X" in browser.evaluate("document.querySelector('.say').textContent")
            play_pair(browser, "1")
        else:
            question = "fusion" if "several" in kind else "quality"
            n = browser.evaluate("document.querySelectorAll('#test .row').length")
            browser.press("Enter")
            assert "Play sound 1" in browser.evaluate("document.querySelector('.say').textContent")
            expected[question] = []
            for i in range(n):
                browser.press(str(i + 1))
                browser.press("End" if i == 0 else "Home")
                if i:
                    for _ in range(i):
                        browser.press("ArrowRight", shift=True)
                    browser.press("ArrowLeft")
                expected[question].append(100 if i == 0 else 10 * i - 1)
                assert row(browser, i, "output") == str(expected[question][-1])
        browser.press("Enter")
    browser.wait_for("document.getElementById('save') !== null")
    browser.press("e")
    saved = wait_for_download(browser)
    answers = read_answers([saved])
    assert browser.errors == []
    assert answers[0]["listener"] == "ann"
    assert {answer["id"] for answer in answers[0]["answers"]} == {trial["id"] for trial in plan["trials"]}
    for answer in answers[0]["answers"]:
        if answer["kind"] == "rating":
            assert [entry["rating"] for entry in answer["ratings"]] == expected[answer["question"]]
    found = aggregate(answers)
    assert found["n_listeners"] == 1
    assert found["abx"][0]["n"] == 1
    (pair,) = (answer for answer in answers[0]["answers"] if answer["kind"] == "abx")
    # Key 1 says "X is A" of the order on the page, which the page turns back.
    assert pair["answer"] == ("b" if pair["swapped"] else "a")
    done = violute("bench", "listen", saved, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "# Listeners: 1" in done.stdout


def test_sounds_play_one_at_a_time(page, browser):
    browser.open(page)
    browser.evaluate("document.querySelectorAll('#listen button')[0].focus()")
    browser.press("Enter")
    first = browser.wait_for("player.sound")
    assert browser.evaluate("document.querySelectorAll('#listen [aria-pressed=true]').length") >= 1
    browser.evaluate("document.querySelectorAll('#listen button')[1].focus()")
    browser.press("Enter")
    browser.wait_for(f"player.sound !== null && player.sound !== '{first}'")
    browser.press("Enter")
    browser.wait_for("player.sound === null")
    assert browser.errors == []


def wait_for_download(browser):
    """Wait for the one file that the page saved."""
    for _ in range(200):
        found = list(browser.downloads.glob("violute-answers-*.json"))
        if found:
            return found[0]
        browser.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
    raise AssertionError("nothing was saved")
