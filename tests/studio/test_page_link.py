"""The page with its token, opened by a link on another site."""

import pytest
from browser import Browser, find_chromium
from studio_page import StudioPage
from studio_server import StudioServer
from studio_site import serve

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")


def test_a_link_on_another_page_opens_the_studio(tmp_path):
    token = "an-open-secret-of-32-characters--"
    with StudioServer(tmp_path, "--host", "0.0.0.0", "--token", token) as server:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "index.html").write_text(
            f'<!doctype html><title>Elsewhere</title><a href="{server.address}">To the studio</a>'
        )
        # 127.0.0.1 and the address of this machine in its network are two sites to a browser.
        with serve(folder) as address, Browser(tmp_path / "browser") as browser:
            browser.visit(f"{address}/index.html")
            browser.wait_for("document.querySelector('a') !== null")
            browser.evaluate("document.querySelector('a').click()")
            browser.wait_for("location.protocol === 'https:' && document.readyState === 'complete'")
            assert browser.evaluate("document.title") == "Violute studio"
            assert token not in browser.evaluate("location.href")


def test_it_sounds_on_another_machine(tmp_path):
    with StudioServer(tmp_path, "--host", "0.0.0.0") as server, Browser(tmp_path / "browser") as browser:
        page = StudioPage(browser, server)
        assert browser.evaluate("[location.protocol, isSecureContext, Boolean(navigator.mediaDevices)]") == [
            "https:",
            True,
            True,
        ]
        page.open_example()
        page.rest()
        browser.press(" ")
        browser.wait_for("Number(document.querySelector('#seek').value) > 0.2")
        assert browser.errors == []
