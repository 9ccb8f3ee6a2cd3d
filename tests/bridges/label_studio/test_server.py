"""Servers that fail, in this process; test_real_server.py has the real one."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alkit.bridges.label_studio import Batch, Server, pull, push
from alkit.errors import BridgeError, ConfigurationError
from alkit.pool import Ledger

TOKEN = "secret0123456789"
PERSONAL = "eyJhbGciOiJI.eyJ0b2tlbl90.c2VjcmV0"


@pytest.fixture
def serve():
    """A function that starts a server with an answer per request; gives its address and log."""
    running = []

    def start(answer):
        log = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                size = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(size) or "null")
                log.append((self.command, self.path, self.headers.get("Authorization"), body))
                answer(self)

            do_POST = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # answers that nobody waits for
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}", log

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def reply(request, status, content=b"", **headers):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    request.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(content)


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (401, {"detail": "Invalid token."}, "refuses the token: copy"),
        (403, {}, "does not allow this to the account"),
        (404, b"<html>", r"api/projects/7/\) does not exist \(404\)"),
        (413, b"", "no request of this size"),
        (429, b"", "call again later"),
        (500, b"<html>", r"failed \(500\)"),
        (503, b"", r"failed \(503\)"),
        (400, {"validation_errors": {"title": ["too short"]}}, 'refuses .*400.*"title".*too short'),
        (400, b"<html>", "without a reason"),
        (200, b"<html>Welcome</html>", "something else than JSON"),
    ],
)
def test_a_refusal_is_reported_in_words_and_without_the_token(serve, status, content, words):
    url, log = serve(lambda request: reply(request, status, content))
    with pytest.raises(BridgeError, match=words) as caught:
        Server(url, TOKEN).get("api/projects/7/")
    assert TOKEN not in str(caught.value)
    assert [entry[2] for entry in log] == [f"Token {TOKEN}"]


def test_a_redirect_is_not_followed_whatever_its_kind(serve):
    other, seen = serve(lambda request: reply(request, 200, {}))
    for status in (301, 302, 303, 307, 308):
        url, _ = serve(lambda request, code=status: reply(request, code, Location=f"{other}/x"))
        for method in ("GET", "POST"):
            with pytest.raises(BridgeError, match=f"redirects to '{other}/x', which alkit does"):
                Server(url, TOKEN).send(method, "api/projects/", {})
    assert seen == []


def test_a_server_that_is_away_is_reported():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BridgeError, match=f"{port} cannot be reached.*check that Label Studio"):
        Server(f"http://127.0.0.1:{port}", TOKEN).get("api/projects/")


def test_a_host_that_does_not_exist_is_reported():
    with pytest.raises(BridgeError, match="cannot be reached"):
        Server("http://no-such-host.invalid", TOKEN).get("api/projects/")


def test_a_connection_that_is_cut_is_reported(serve):
    def cut_within(request):
        reply(request, 200, b"[1, 2", **{"Content-Length": "4000"})
        request.connection.shutdown(socket.SHUT_RDWR)

    for answer in (cut_within, lambda request: request.connection.shutdown(socket.SHUT_RDWR)):
        url, _ = serve(answer)
        with pytest.raises(BridgeError, match="cut the connection"):
            Server(url, TOKEN).get("api/projects/")


def test_a_server_that_is_late_is_reported(serve):
    def slowly(request):
        time.sleep(0.5)
        reply(request, 200, {})

    def stops_within(request):
        request.send_response(200)
        request.send_header("Content-Length", "10")
        request.end_headers()
        time.sleep(0.5)

    for answer in (slowly, stops_within):
        url, _ = serve(answer)
        with pytest.raises(BridgeError, match=r"did not answer within 0\.1 s.*timeout="):
            Server(url, TOKEN, timeout=0.1).get("api/projects/")


def test_another_program_at_the_address_is_reported(serve):
    for content in ([], {}, {"results": None}, {"results": [1]}, "text", None):
        url, _ = serve(lambda request, content=content: reply(request, 200, content))
        with pytest.raises(BridgeError, match="is not Label Studio"):
            pull(Server(url, TOKEN), "waste", Ledger("labels.db"))


def test_a_personal_token_is_exchanged_at_the_server_and_again_when_it_expires(serve):
    expired = set()
    made = iter("abc")

    def answer(request):
        if request.path == "/api/token/refresh":
            return reply(request, 200, {"access": next(made)})
        known = request.headers["Authorization"] not in expired
        return reply(request, 200 if known else 401, {})

    url, log = serve(answer)
    server = Server(url, PERSONAL)
    server.get("api/1")
    server.get("api/2")
    expired.add("Bearer a")
    server.get("api/3")
    refresh = ("POST", "/api/token/refresh", None, {"refresh": PERSONAL})
    assert log == [
        refresh,
        ("GET", "/api/1", "Bearer a", None),
        ("GET", "/api/2", "Bearer a", None),
        ("GET", "/api/3", "Bearer a", None),
        refresh,
        ("GET", "/api/3", "Bearer b", None),
    ]


def test_a_personal_token_that_is_refused_is_tried_once(serve):
    url, log = serve(lambda request: reply(request, 401, {}))
    with pytest.raises(BridgeError, match="refuses the token"):
        Server(url, PERSONAL).get("api/1")
    assert len(log) == 1


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://localhost",
        "http://",
        "http://local host",
        "http://user:word@host",
        "http://host/?a=1",
        "http://host:port",
        "http://host\n",
        None,
        8080,
    ],
)
def test_what_is_not_an_address_is_refused(url):
    with pytest.raises(ConfigurationError, match="url must be"):
        Server(url, TOKEN)


@pytest.mark.parametrize("token", ["", " ", None, "a b", "a\r\nHost: x", "tökén"])
def test_what_is_not_a_token_is_refused_without_repeating_it(token):
    with pytest.raises(ConfigurationError, match="token") as caught:
        Server("http://localhost", token)
    assert not token or not token.strip() or token not in str(caught.value)


def test_a_server_is_shown_without_its_token_and_used_under_a_path(serve):
    url, log = serve(lambda request: reply(request, 200, {}))
    server = Server(f"{url}/studio/", f" {TOKEN}\n")
    assert repr(server) == f"Server('{url}/studio')"
    server.get("api/1", title="a&b ü")
    assert log[0][1:3] == ("/studio/api/1?title=a%26b+%C3%BC", f"Token {TOKEN}")


def test_a_proxy_gets_nothing_that_is_meant_for_this_machine(serve, monkeypatch):
    proxy, seen = serve(lambda request: reply(request, 200, {}))
    url, log = serve(lambda request: reply(request, 200, {}))
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    Server(url, TOKEN).get("api/1")
    assert (len(log), seen) == (1, [])


# --- projects that cannot be used -------------------------------------------------------------


@pytest.mark.parametrize("title", ["ab", "a" * 51, " abc", "", None, 1.5, True])
def test_a_title_that_label_studio_would_refuse_is_refused_here(title):
    batch = Batch(["a"], ["x"], str, "text")
    with pytest.raises(ConfigurationError, match="3 to 50 characters"):
        push(Server("http://localhost:1", TOKEN), title, batch)


def studio(projects, tasks=(), created=None):
    """A function that answers as Label Studio does before something goes wrong."""

    def answer(request):
        path = request.path.partition("?")[0]
        if path == "/api/projects/":
            return reply(request, 200, {"results": projects, "next": None})
        if path == "/api/tasks":
            return reply(request, 200, {"tasks": list(tasks), "total": len(tasks)})
        if path.endswith("model-versions/"):
            return reply(request, 200, {})
        return reply(request, 201, {"created": created})

    return answer


CHOICES = {"type": "Choices", "to_name": ["s"], "inputs": [{"type": "Text", "value": "t"}]}
WASTE = {
    "id": 4,
    "title": "waste",
    "parsed_label_config": {"c": {**CHOICES, "labels": ["x", "y"]}},
}
BATCH = Batch(["a", "b"], ["x", "y"], str, "text")


def test_two_projects_of_one_title_are_reported_with_their_ids(serve):
    url, log = serve(studio([WASTE, {**WASTE, "id": 9}, {**WASTE, "title": "waste 2"}]))
    with pytest.raises(BridgeError, match=r"2 projects titled 'waste'.*\(4, 9\)"):
        push(Server(url, TOKEN), "waste", BATCH)
    assert [entry[0] for entry in log] == ["GET"]


def test_a_project_with_other_classes_is_left_alone(serve):
    url, log = serve(studio([WASTE]))
    with pytest.raises(BridgeError, match=r"other classes: \['y', 'z'\]"):
        push(Server(url, TOKEN), "waste", Batch(["a"], ["x", "z"], str, "text"))
    assert {entry[0] for entry in log} == {"GET"}


def test_a_pull_from_a_project_that_does_not_exist_is_reported(serve):
    url, _ = serve(studio([]))
    with pytest.raises(BridgeError, match="no project titled 'waste': push to it first"):
        pull(Server(url, TOKEN), "waste", Ledger("labels.db"))


def test_samples_that_the_server_does_not_store_are_reported(serve):
    url, _ = serve(studio([WASTE]))
    with pytest.raises(BridgeError, match="not stored 2 of 2 new samples, such as 'a'"):
        push(Server(url, TOKEN), "waste", BATCH)


def test_the_order_stays_if_predictions_are_lost(serve):
    tasks = [{"id": k, "data": {"alkit_id": name}} for k, name in enumerate("ab")]
    url, log = serve(studio([WASTE], tasks, created=1))
    with pytest.raises(BridgeError, match="stored 1 of 2 predictions"):
        push(Server(url, TOKEN), "waste", BATCH)
    assert not {"PATCH", "DELETE"} & {entry[0] for entry in log}
