"""Serving: the address, its port and token, and the ways to end."""

import os
import socket
import stat
import sys
import threading
import webbrowser

import pytest
from pages import Caller, Listed, wait_until

from alkit.errors import ConfigurationError, MissingPackageError, PageError
from alkit.page import Desk, serve, serving, shown
from alkit.page.address import Address
from alkit.pool.ledger import Ledger


@pytest.fixture
def desk(tmp_path):
    return Desk(Ledger(tmp_path / "labels.db", who="Ann"), ["cat", "dog"], Listed("abc"))


@pytest.fixture
def start(desk, capsys):
    """A function that serves in a thread until some answers; the address and what it returned."""
    threads = []

    def start_(**options):
        done = []
        run = lambda: done.append(serve(desk, shown, **options))  # noqa: E731
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        threads.append(thread)
        text = []

        def printed():
            text.append(capsys.readouterr().out)
            return "Ctrl-C" in "".join(text)

        wait_until(printed)
        return "".join(text).split()[2], done, thread

    yield start_
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


def answer_all(url):
    caller = Caller(url)
    for question in caller.call("start")[1]["next"]:
        assert caller.answer(question, question["name"], label="cat")[0] == 200
    caller.call("release")


def test_it_ends_after_a_number_of_answers_and_returns_it(desk, start, monkeypatch):
    monkeypatch.setattr(serving, "PAUSE", 0.3)
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    url, done, thread = start(until=2)
    answer_all(url)
    thread.join(timeout=20)
    assert done == [2]
    assert opened == [url]
    assert [entry.who for entry in desk.ledger.live()] == ["Ann", "Ann"]
    url, done, thread = start(until=1, open_browser=False)  # the desk has had two before
    answer_all(url)
    thread.join(timeout=20)
    assert done == [1]


def test_port_and_token_are_those_of_before_and_only_their_owner_reads_them(desk, start):
    url, _, _ = start(until=3, open_browser=False)
    file = desk.ledger.path.with_name("labels.db.page")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    kept = Address.beside(desk.ledger.path)
    assert url == f"http://127.0.0.1:{kept.port}/#{kept.token}"
    assert len(kept.token) >= 32
    second, _, _ = start(until=3, open_browser=False)  # beside the first, at another port
    assert second.endswith(kept.token)
    assert second != url
    answer_all(url)
    assert Address.beside(desk.ledger.path) == kept


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"token": "t"}', '{"token": "t", "port": "x"}']
)
def test_a_damaged_address_is_replaced(tmp_path, content):
    (tmp_path / "labels.db.page").write_text(content)
    assert len(Address.beside(tmp_path / "labels.db").token) >= 32


def test_a_port_that_is_taken_is_an_error_with_the_remedy(desk):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PageError, match=rf"127.0.0.1:{port} .*another port"):
            serve(desk, shown, port=port, open_browser=False)
    with pytest.raises(PageError, match="cannot be served"):
        serve(desk, shown, port=70_000, open_browser=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_other_machines_reach_it_only_if_that_is_allowed(desk, host):
    with pytest.raises(PageError, match="allow_remote=True"):
        serve(desk, shown, host=host, open_browser=False)


def test_where_others_may_reach_it_numbers_and_the_name_of_the_machine_are_hosts(desk, start):
    url, _, _ = start(host="0.0.0.0", allow_remote=True, until=3, open_browser=False)
    name = socket.gethostname()
    assert url.startswith(f"http://{name}:")
    port, token = url.split(":")[2].split("/#")
    caller = Caller(f"http://127.0.0.1:{port}/#{token}")
    for host in (f"{name}:{port}", "192.168.1.5:9000", "[fe80::1]"):
        assert caller.ask("GET", "/", Host=host)[0] == 200, host
    assert caller.ask("GET", "/", Host="evil.example")[0] == 400
    assert caller.ask("POST", "/call/start", {}, token="")[0] == 401
    answer_all(f"http://127.0.0.1:{port}/#{token}")


def test_wrong_arguments_are_refused_before_anything_is_served(desk):
    for until in (0, -1, 2.5, True):
        with pytest.raises(ConfigurationError, match="until"):
            serve(desk, shown, until=until, open_browser=False)
    with pytest.raises(ConfigurationError, match="kept for programs"):
        serve(desk, shown, person="majority", open_browser=False)


@pytest.mark.parametrize("package", ["uvicorn", "starlette.applications"])
def test_without_the_packages_the_error_has_the_command(desk, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=r"pip install 'alkit\[label\]'"):
        serve(desk, shown, open_browser=False)
