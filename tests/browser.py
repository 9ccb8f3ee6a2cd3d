"""Debian's chromium, to look at pages with: fixtures that tests/conftest.py gives to all."""

import base64
import http.client
import json
import os
import shutil
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest

FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
    "hide-scrollbars",
    "remote-debugging-port=0",
)


class Browser:
    """A tab of a headless chromium, over its DevTools protocol."""

    def __init__(self, port, tab):
        from websocket import create_connection

        self._socket = create_connection(
            f"ws://127.0.0.1:{port}/devtools/page/{tab}", timeout=30, suppress_origin=True
        )
        self._ids, self.problems = count(1), []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        call = next(self._ids)
        self._socket.send(json.dumps({"id": call, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv())
            self._listen(said)
            if said.get("id") == call:
                assert "error" not in said, said
                return said["result"]

    def _listen(self, said):
        name, params = said.get("method"), said.get("params", {})
        if name == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"]["text"])
        if name == "Log.entryAdded" and params["entry"]["level"] in ("warning", "error"):
            self.problems.append(params["entry"]["text"])
        if name == "Runtime.consoleAPICalled" and params["type"] in ("warning", "error", "assert"):
            self.problems.append(str(params["args"]))

    def evaluate(self, expression):
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, place, width, height=844):
        """Open a file or an address as a phone or desktop of this width, in CSS pixels."""
        url = place if "://" in str(place) else Path(place).resolve().as_uri()
        self.problems.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call("Page.navigate", url=url)
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(url)}")
        # a message that was sent while loading arrives before the answer to this
        self.evaluate("new Promise(done => setTimeout(done, 100))")

    def wait_for(self, expression, seconds=20):
        """Wait until an expression is true, which is looked at 20 times a second."""
        for _ in range(20 * seconds):
            if self.evaluate(expression):
                return
            time.sleep(0.05)
        raise AssertionError(f"not true in {seconds} s: {expression}")

    def screenshot(self, path, whole=True):
        """The whole page as a PNG, or what the screen shows of it."""
        if not whole:
            data = self.call("Page.captureScreenshot")["data"]
            Path(path).write_bytes(base64.b64decode(data))
            return
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium; its lack is a failure where ALKIT_NEEDS_BROWSER is set, as in CI, else a skip."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        text = "no chromium on the PATH: apt-get install chromium"
        if os.environ.get("ALKIT_NEEDS_BROWSER"):
            pytest.fail(text)
        pytest.skip(text)
    home = tmp_path_factory.mktemp("chromium")
    command = [program, *map("--{}".format, FLAGS), f"--user-data-dir={home}", "about:blank"]
    with open(home / "log", "wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        port, tab = _tab(home, running)
        yield Browser(port, tab)
    finally:
        running.kill()
        running.wait()


def _tab(home, running):
    """The port that chromium listens on, and the id of its first tab."""
    told = home / "DevToolsActivePort"
    for _ in range(600):
        assert running.poll() is None, (home / "log").read_text(errors="replace")
        if told.exists() and told.read_text().count("\n"):
            port = int(told.read_text().split("\n")[0])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/json/list")
            pages = [t for t in json.load(connection.getresponse()) if t["type"] == "page"]
            if pages:
                return port, pages[0]["id"]
        time.sleep(0.05)
    raise AssertionError("chromium did not open a tab in 30 s")


@pytest.fixture
def pictures(tmp_path):
    """Where screenshots go: the folder that ALKIT_SCREENSHOTS names, to look at them."""
    folder = Path(os.environ.get("ALKIT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")  # not longer: its event loop runs in this thread meanwhile
def playwright_browser():
    """Debian's chromium by Playwright, for pages that need several tabs, keys and the mouse."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        program = None
    if program is None:
        text = "no chromium on the PATH, or no playwright: apt-get install chromium"
        if os.environ.get("ALKIT_NEEDS_BROWSER"):
            pytest.fail(text)
        pytest.skip(text)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_page(playwright_browser):
    """A function that opens an address in a browser of its own: its requests and problems kept."""
    contexts = []

    def open_(url, *, width=1300, height=800, dark=False, context=None):
        if context is None:
            context = playwright_browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
            )
            context.set_default_timeout(20_000)
            contexts.append(context)
        page = context.new_page()
        page.problems, page.requested = [], []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
