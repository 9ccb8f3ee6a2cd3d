"""The server: who is refused, and what is never sent."""

import json
import re
import time
from threading import Thread

import pytest
from pages import Caller, Listed, running

from alkit.page import Desk, shown
from alkit.page.calls import Calls
from alkit.pool.ledger import Ledger

SCRIPT = "<script>alert(1)</script>"
PATHS = (
    "/sample/../server.py",
    "/../server.py",
    "/page.js/../../server.py",
    "/static/page.js",
    "/%2e%2e/server.py",
    "/sample/%2e%2e%2fserver.py",
    "//etc/passwd",
)
NAMES = ["a.png", f"{SCRIPT}.txt", "../../etc/passwd", "ä ö/ü?#%.txt", "broken.png"]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "labels.db")


@pytest.fixture
def caller(ledger):
    def render(name):
        if name == "broken.png":
            raise OSError("it is cut off")
        if name == "slow":
            time.sleep(1)
        return shown(f"{SCRIPT} of {name}")

    questions = Listed(NAMES, {"a.png": ("cat", 0.75)})
    with running(Calls(Desk(ledger, ["cat", "dog"], questions), render, "secret")) as url:
        yield Caller(url, "Ann")


def test_questions_are_answered_once_and_undone(caller, ledger):
    status, start = caller.call("start")
    first, second, *_ = start["next"]
    assert (status, start["classes"], start["person"]) == (200, ["cat", "dog"], "Ann")
    assert (first["name"], first["guess"], first["certainty"]) == ("a.png", "cat", 0.75)
    for _ in range(2):
        status, reply = caller.answer(first, "u1", [second], label="cat", guess_shown=True)
        assert (status, reply["facts"]["labeled"], reply["refused"]) == (200, 1, {})
    ben = Caller(f"http://{caller.host}/#secret", "Ben")
    status, reply = ben.answer(first, "u2", label="dog")
    assert (status, reply["error"]) == (409, "a.png was answered by Ann meanwhile")
    status, reply = caller.call("undo", uids=["u1"])
    assert [each["name"] for each in reply["undone"]] == ["a.png"]
    assert [entry.label for entry in ledger.live()] == []
    assert caller.answer(first, "u3", reason="unsure")[0] == 200
    (entry,) = ledger.live()
    assert (entry.reason, entry.who, entry.guess, entry.guess_shown) == (
        "unsure",
        "Ann",
        "cat",
        None,
    )


def test_the_last_answers_of_a_person_come_with_the_start(caller):
    first, second, *_ = caller.call("start")[1]["next"]
    caller.answer(first, "u1", label="cat")
    caller.answer(second, "u2", label="dog")
    caller.seat["tab"] = "after a reload"
    assert [each["uid"] for each in caller.call("start")[1]["past"]] == ["u1", "u2"]


def test_without_the_token_only_the_static_files_are_sent(caller):
    question = caller.call("start")[1]["next"][0]
    for path in ("/call/start", "/call/answer", f"/sample/{question['ticket']}", "/other"):
        for token in ("", "wrong", "secre", "sécret"):
            assert caller.ask("POST", path, {}, token=token)[0] == 401, (path, token)
    for path in ("/", "/page.js", "/start.js", "/page.css", "/icon.svg"):
        assert caller.ask("GET", path, token="")[0] == 200


def test_pages_and_names_of_other_hosts_are_refused(caller):
    port = caller.host.split(":")[1]
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        f"http://127.0.0.1.evil:{port}",
    ):
        assert caller.ask("POST", "/call/start", caller.seat, Origin=origin)[0] == 403, origin
    assert caller.ask("POST", "/call/start", caller.seat, Sec_Fetch_Site="cross-site")[0] == 403
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "",
        "[",
        "192.168.1.1",
    ):
        assert caller.ask("GET", "/", Host=host)[0] == 400, host
    for host in (f"localhost:{port}", f"[::1]:{port}", "localhost:9000"):  # 9000: by an ssh tunnel
        assert caller.ask("POST", "/call/start", caller.seat, Host=host)[0] == 200, host
    own = f"http://{caller.host}"
    assert (
        caller.ask("POST", "/call/start", caller.seat, Origin=own, Sec_Fetch_Site="same-origin")[0]
        == 200
    )


def test_only_samples_that_were_offered_are_sent_or_taken(caller, ledger):
    question = caller.call("start")[1]["next"][0]
    content, signature = question["ticket"].split(".")
    forged = [
        "",
        "x",
        "a.png",
        content,
        f"{content}.",
        f".{signature}",
        f"{content[:-2]}xx.{signature}",
    ]
    for ticket in forged:
        status = caller.ask("GET", f"/sample/{ticket}")[0]
        assert status == 404, ticket
        assert caller.answer({"ticket": ticket}, "u", label="cat")[0] == 404
    for path in PATHS:
        assert caller.ask("GET", path)[0] == 404, path
    assert caller.call("close")[0] == 404
    assert len(ledger) == 0


def test_texts_are_sent_as_text_and_samples_that_cannot_be_read_as_a_reason(caller):
    questions = {each["name"]: each for each in caller.call("start")[1]["next"]}
    assert list(questions) == NAMES
    for name in NAMES[:-1]:
        status, headers, data = caller.ask("GET", f"/sample/{questions[name]['ticket']}")
        assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert data.decode() == f"{SCRIPT} of {name}"
        assert headers["x-content-type-options"] == "nosniff"
    status, _, data = caller.ask("GET", f"/sample/{questions['broken.png']['ticket']}")
    assert (status, json.loads(data)) == (
        415,
        {"error": "broken.png cannot be shown: it is cut off"},
    )


def test_every_answer_forbids_scripts_frames_and_requests_elsewhere(caller):
    for method, path, token in (
        ("GET", "/", None),
        ("POST", "/call/start", "wrong"),
        ("GET", "/no", None),
    ):
        policy = caller.ask(method, path, {}, token=token)[1]["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize(
    ("answers", "status", "message"),
    [
        ([{"label": "catt"}], 422, "Did you mean 'cat'"),
        ([{"reason": "lazy"}], 422, "not a reason"),
        ([{}], 422, "a label or a reason"),
        ([{"label": "cat", "reason": "unsure"}], 422, "a label or a reason"),
        ([{"label": ["cat"]}], 422, "not a class"),
        ([{"label": "cat", "uid": ""}], 422, "uid"),
        ([{"label": "cat", "uid": 7}], 422, "uid"),
        ([3], 422, "mapping"),
        ({"label": "cat"}, 422, "list"),
    ],
)
def test_answers_that_are_none_are_refused_with_the_reason(
    caller, ledger, answers, status, message
):
    ticket = caller.call("start")[1]["next"][0]["ticket"]
    if isinstance(answers, list):
        answers = [
            {"ticket": ticket, "uid": "u", **row} if isinstance(row, dict) else row
            for row in answers
        ]
    found, reply = caller.call("answer", answers=answers)
    assert (found, len(ledger)) == (status, 0)
    assert message in reply["error"]


def test_calls_that_are_none_are_refused(caller):
    assert caller.ask("POST", "/call/start")[0] == 422
    assert caller.ask("POST", "/call/start", [1])[0] == 404
    assert caller.ask("GET", "/call/start")[0] == 405
    assert caller.call("start", person="machine: x")[0] == 422
    assert caller.call("start", tab="x" * 201)[0] == 422
    assert caller.call("start", have=[""])[0] == 404
    assert caller.ask("POST", "/call/start", "x" * 4_000_001)[0] == 413


def test_a_ledger_that_cannot_be_written_is_reported_and_the_answer_taken_later(caller, ledger):
    question = caller.call("start")[1]["next"][0]
    with ledger._store.reading() as db:
        db.execute("PRAGMA query_only = ON")
    status, reply = caller.answer(question, "u", label="cat")
    assert (status, "cannot be used" in reply["error"]) == (503, True)
    with ledger._store.reading() as db:
        db.execute("PRAGMA query_only = OFF")
    assert caller.answer(question, "u", label="cat")[0] == 200
    assert len(ledger) == 1


def test_a_slow_sample_holds_nobody_up(ledger):
    def render(name):
        time.sleep(0.5)
        return shown(name)

    with running(Calls(Desk(ledger, ["cat"], Listed(NAMES)), render, "secret")) as url:
        caller = Caller(url)
        question = caller.call("start")[1]["next"][0]
        slow = Thread(target=caller.ask, args=("GET", f"/sample/{question['ticket']}"))
        slow.start()
        began = time.monotonic()
        caller.call("next")
        assert time.monotonic() - began < 0.4
        slow.join()
