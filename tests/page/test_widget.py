"""The widget: a notebook's messages give what the server's requests give."""

import base64
import sys

import pytest
from pages import Caller, Labeler, Listed, running

from alkit.errors import MissingPackageError
from alkit.page import Desk, shown
from alkit.page.calls import Calls
from alkit.page.widget import _kind, reply, widget
from alkit.pool.ledger import Ledger

NAMES = [f"{k}.txt" for k in range(8)]


def desk_of(path):
    return Desk(Ledger(path), ["cat", "dog"], Listed(NAMES, {"2.txt": ("dog", 0.5)}))


def render(name):
    return shown(f"text of {name}")


def test_messages_give_what_requests_give(tmp_path):
    by_message = Calls(desk_of(tmp_path / "a.db"), render, "secret", person="Ann")
    by_request = Calls(desk_of(tmp_path / "b.db"), render, "secret", person="Ann")
    with running(by_request) as url:
        caller = Caller(url)

        def both(name, **body):
            body = {**caller.seat, **body}
            message, buffers = reply(by_message, {"id": 7, "call": name, "body": body})
            status, answer = caller.call(name, **body)
            assert (message["id"], buffers) == (7, [])
            if status == 200:
                assert message["reply"].pop("classes", ()) == tuple(answer.pop("classes", ()))
                assert message["reply"] == answer
            else:
                assert message["error"] == {"status": status, "message": answer["error"]}
            return answer

        first, second, third, *_ = both("start")["next"]
        row = {"ticket": first["ticket"], "uid": "u1", "label": "cat", "seconds": 1}
        for _ in range(2):
            both("answer", answers=[row], have=[second["ticket"]])
        both("answer", answers=[{**row, "uid": "u2", "label": "dog"}])  # 409
        both("answer", answers=[{**row, "uid": "u3", "label": "catt"}])  # 422
        both("answer", answers=[{**row, "ticket": "forged"}])  # 404
        both("undo", uids=["u1"], have=[second["ticket"]])
        both("grid", label="dog", have=[second["ticket"]])
        both("release", have=[third["ticket"]])
        both("next")
        both("close")
        message, (content,) = reply(
            by_message, {"id": 1, "call": "sample", "body": {"ticket": first["ticket"]}}
        )
        assert caller.ask("GET", f"/sample/{first['ticket']}")[2] == content
        assert message == {"id": 1, "type": "text/plain; charset=utf-8"}
        message, _ = reply(by_message, {"id": 1, "call": "sample", "body": {"ticket": "forged"}})
        assert message["error"]["status"] == 404
    entries = [[(e.sample, e.label, e.undoes, e.uid) for e in Ledger(tmp_path / name).entries()]
               for name in ("a.db", "b.db")]  # fmt: skip
    assert entries[0] == entries[1]
    assert len(entries[0]) == 2


def test_the_widget_answers_its_own_messages(tmp_path):
    found = widget(desk_of(tmp_path / "labels.db"), render, person="Ann", until=3)
    sent = []
    found.send = lambda content, buffers=None: sent.append(content)
    body = {"person": "", "tab": "1"}
    found._handle_custom_msg({"id": 1, "call": "start", "body": body}, [])
    (message,) = sent
    assert (message["id"], message["reply"]["person"], message["reply"]["left"]) == (1, "Ann", 3)
    assert len(message["reply"]["next"]) == 3


HOST = """
<body><div id="cell"></div><script type="module">
const listeners = [];
const model = {
    on: (name, listener) => listeners.push(listener),
    off: () => {},
    send: async message => {
        const [content, buffers] = await window.kernel(message);
        const bytes = buffers.map(text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
        for (const listener of listeners) listener(content, bytes.map(each => new DataView(each)));
    },
};
const script = new Blob([await window.script()], { type: "text/javascript" });
const { default: page } = await import(URL.createObjectURL(script));
window.close_ = page.render({ model, el: document.getElementById("cell") });
</script>
"""


def test_the_widget_in_a_browser_takes_keys_after_a_click(tmp_path, open_page):
    desk = desk_of(tmp_path / "labels.db")
    found = widget(desk, render, person="Ann")

    def kernel(message):
        content, buffers = reply(found.calls, message)
        return [content, [base64.b64encode(each).decode() for each in buffers]]

    page = open_page("about:blank")
    page.expose_function("kernel", kernel)
    page.expose_function("script", lambda: found._esm)
    page.set_content(HOST)
    page.add_style_tag(content=found._css)
    person = Labeler(page)
    person.shown()
    page.keyboard.press("1")  # before the click: a key for the notebook
    page.locator(".stage .text").click()
    for key in "12ux":
        person.press(key)
    person.undo()
    person.press("2")
    person.sent()
    assert page.problems == []
    live = [(entry.sample, entry.label or entry.reason) for entry in desk.ledger.live()]
    assert live == list(zip(NAMES[:4], ["cat", "dog", "unsure", "dog"], strict=True))
    page.evaluate("window.close_()")
    ben = desk.seat("Ben", "1")
    assert [each.name for each in desk.take(ben, 9).questions] == NAMES[4:]


def test_without_anywidget_the_error_has_the_command(monkeypatch, tmp_path):
    _kind.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'alkit\[label\]'"):
        widget(desk_of(tmp_path / "labels.db"), render)
