"""A real Label Studio, for the tests that are marked label_studio."""

import json
import os
import secrets
import socket
import subprocess
import time
from http.cookiejar import CookieJar
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from alkit.bridges.label_studio import Server

START = 600  # seconds that the first start may take on a busy machine, with its migrations
SETTINGS = {
    "COLLECT_ANALYTICS": "False",
    "LATEST_VERSION_CHECK": "False",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
}


class Studio:
    """Label Studio with an empty data folder, and people who answer through its API."""

    def __init__(self, program: str, folder: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.token = f"http://127.0.0.1:{port}", secrets.token_hex(20)
        options = {
            "data-dir": folder,
            "internal-host": "127.0.0.1",
            "port": str(port),
            "username": "ann@example.org",
            "password": secrets.token_hex(8),
            "user-token": self.token,
        }
        command = [program, "start", "--no-browser", "--enable-legacy-api-token"]
        command += [part for name, value in options.items() for part in (f"--{name}", value)]
        self.log = os.path.join(folder, "log.txt")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **SETTINGS}, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Return when the server answers."""
        end = time.monotonic() + START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urlopen(f"{self.url}/api/version/", timeout=5).close()
                return
            except (URLError, OSError):
                time.sleep(0.5)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            pytest.fail(f"Label Studio did not start:\n{log.read()[-3000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> object:
        """Answer of the API to a person."""
        headers = {"Authorization": f"Token {token or self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, headers, method=method), timeout=120) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def next(self, project: int, token: str = "") -> dict:
        """The task that the page would show next, locked for this person."""
        return self.ask("GET", f"/api/projects/{project}/next", token=token)

    def answer(self, task: dict, label: str, token: str = "", **values: object) -> dict:
        """Submit a class for a task, as the page does."""
        choice = {"from_name": "label", "to_name": "sample", "type": "choices"}
        result = [{**choice, "value": {"choices": [label]}}] if label else []
        body = {"result": result, "lead_time": 1.5, **values}
        return self.ask("POST", f"/api/tasks/{task['id']}/annotations/", body, token)

    def invite(self, email: str) -> str:
        """The token of a new person, who signs up by the link of the organization."""
        link = f"{self.url}/user/signup/?token={self.ask('GET', '/api/invite')['token']}"
        cookies = CookieJar()
        browser = build_opener(HTTPCookieProcessor(cookies))
        browser.open(link).close()
        csrf = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
        form = {"email": email, "password": secrets.token_hex(8), "csrfmiddlewaretoken": csrf}
        browser.open(Request(link, urlencode(form).encode(), {"Referer": link})).close()
        with browser.open(f"{self.url}/api/current-user/token") as answer:
            return json.load(answer)["token"]


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    """A running Label Studio; the test fails if there is none, and is never skipped."""
    program = os.environ.get("ALKIT_LABEL_STUDIO")
    if not program:
        pytest.fail("this test needs a Label Studio server: run `make label-studio`")
    running = Studio(program, str(tmp_path_factory.mktemp("studio")))
    try:
        running.wait()
        yield running
    finally:
        running.stop()


@pytest.fixture
def server(studio):
    return Server(studio.url, studio.token)
