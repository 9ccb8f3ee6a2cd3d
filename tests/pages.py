"""Labeling pages to test: questions in an order, a server in a process of its own, a page in it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from alkit.page import Question
from alkit.page.address import bound
from alkit.page.server import application


class Listed:
    """Questions about names in their order; ``guesses`` maps names to a class and certainty."""

    def __init__(self, names, guesses=None, why="listed"):
        self.names, self.guesses, self.why = list(names), guesses or {}, why
        self.answers = {}  # reason or "" of the live entries, by name and uid
        self.accuracy, self.advice, self.ready = None, "", True

    def ask(self, n, leave_out):
        found = []
        for name in self.names if self.ready else ():
            if len(found) == n:
                break
            if name not in self.answers and name not in leave_out:
                found.append(self._question(name))
        return found

    def answered(self, entries):
        for entry in entries:
            if entry.undoes is None:
                self.answers.setdefault(entry.sample, {})[entry.uid] = entry.reason or ""
            elif entry.undoes in self.answers.get(entry.sample, {}):
                del self.answers[entry.sample][entry.undoes]
                if not self.answers[entry.sample]:
                    del self.answers[entry.sample]

    def facts(self):
        last = [list(reasons.values())[-1] for reasons in self.answers.values()]
        return {
            "labeled": last.count(""),
            "unsure": last.count("unsure"),
            "broken": last.count("broken"),
            "total": len(self.names),
            "accuracy": self.accuracy,
            "advice": self.advice,
        }

    def likely(self, label, n, leave_out):
        free = [name for name in self.names if name not in self.answers and name not in leave_out]
        named = [self._question(name) for name in free]
        return [question for question in named if question.guess == label][:n]

    def _question(self, name):
        guess, certainty = self.guesses.get(name, (None, None))
        return Question(name, self.why, 1, 0.5, guess, certainty)


class Served:
    """A script in a process of its own that prints the address of the page that it serves."""

    def __init__(self, script, folder):
        self.script, self.folder, self.running = script, Path(folder), None

    def start(self):
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join([root, str(Path(__file__).parent)])
        with open(self.folder / "log", "ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-c", self.script],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.running.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + (self.folder / "log").read_text()
        self.url = found.group()
        return self.url

    def kill(self):
        """End the server as a power cut does."""
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()
        self.running.stdout.close()

    def stop(self):
        """End the server as Ctrl-C does; its exit status."""
        self.running.send_signal(signal.SIGINT)
        status = self.running.wait(timeout=20)
        self.running.stdout.close()
        return status

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.running.poll() is None:
            self.kill()


class Labeler:
    """A person before a page: presses keys once a sample is shown and notes what was pressed."""

    def __init__(self, page):
        self.page = page
        self.pressed = []  # (sample, key or class)

    def shown(self):
        """Wait until keys are taken, and return the name of the sample."""
        self.page.locator(".alkit[data-ready]").wait_for()
        return self.page.locator(".alkit").get_attribute("data-ready")

    def press(self, key):
        name = self.shown()
        self.pressed.append((name, key))
        self.page.keyboard.press(key)
        return name

    def click(self, label):
        name = self.shown()
        self.pressed.append((name, label))
        self.page.locator(f'.choices [data-label="{label}"]').click()
        return name

    def undo(self):
        """Press z; the undone answer is no longer among the pressed ones."""
        before = self.pressed.pop()
        self.page.keyboard.press("z")
        self.page.locator(f'.alkit[data-ready="{before[0]}"]').wait_for()
        return before

    def sent(self):
        """Wait until the server has acknowledged everything."""
        self.page.locator('.alkit[data-unsent="0"]').wait_for()

    def end(self, which="done"):
        """Wait for an end: done, enough, choosing, held, offline or stopped."""
        self.page.locator(f'.alkit[data-end="{which}"] .end:not([hidden])').wait_for()


def wait_until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not true in time"
        time.sleep(0.02)


class Caller:
    """A page without a browser: the calls of one tab over HTTP."""

    def __init__(self, url, person="", tab="1"):
        address = urlsplit(url)
        self.host, self.token = address.netloc, address.fragment
        self.seat = {"person": person, "tab": tab}

    def ask(self, method, path, body=None, token=None, **headers):
        """Send a request; its status, headers and content."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.putrequest(method, path, skip_host="Host" in headers)
        headers["X-Alkit-Token"] = self.token if token is None else token
        content = b"" if body is None else json.dumps(body).encode()
        for name, value in {**headers, "Content-Length": len(content)}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(content)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), data

    def call(self, name, **body):
        """Call the desk; the status and the reply."""
        status, _, data = self.ask("POST", f"/call/{name}", {**self.seat, **body})
        return status, json.loads(data)

    def answer(self, question, uid, have=(), **answer):
        row = {"ticket": question["ticket"], "uid": uid, **answer}
        return self.call("answer", answers=[row], have=[each["ticket"] for each in have])


@contextmanager
def running(calls, token="secret"):
    """Serve calls in a thread; the address."""
    listener = bound("127.0.0.1", 0)
    config = uvicorn.Config(application(calls, token), lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/#{token}"
    server.should_exit = True
    thread.join()
