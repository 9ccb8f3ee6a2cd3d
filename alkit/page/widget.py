"""The labeling page as a widget of a notebook, with the kernel in place of a server."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

from alkit.page.calls import Calls, Refused
from alkit.page.desk import Desk
from alkit.page.server import STATIC, missing
from alkit.page.shown import Render


def widget(
    desk: Desk,
    render: Render,
    *,
    person: str = "",
    title: str = "",
    until: int | None = None,
) -> Any:
    """Return the labeling page as an anywidget, for Jupyter and other notebooks.

    Its keys work after a click into it. Answers are taken while the kernel is idle; those that wait
    are lost if the notebook is closed before.

    Args:
        desk: the desk that hands out questions and takes answers.
        render: function from the name of a sample to what is shown of it, see ``shown``.
        person: name of the person who labels.
        title: title of the page.
        until: number of answers after which the page ends. Default: no limit.

    Raises:
        MissingPackageError: anywidget is not installed.
    """
    secret = secrets.token_urlsafe()
    return _kind()(Calls(desk, render, secret, person=person, title=title, until=until))


def reply(calls: Calls, message: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Answer of the kernel to a message of the widget, and its buffers.

    Args:
        calls: the calls of the page.
        message: ``id``, ``call`` (the name of a call, or ``sample``) and ``body``.
    """
    name, body = message.get("call"), message.get("body")
    answer = {"id": message.get("id")}
    try:
        if name == "sample" and isinstance(body, Mapping):
            shown = calls.sample(body.get("ticket", ""))
            return {**answer, "type": shown.type}, [shown.content]
        return {**answer, "reply": calls(str(name), body)}, []
    except Refused as refused:
        return {**answer, "error": {"status": refused.status, "message": str(refused)}}, []


@cache
def _kind() -> type:
    """The class of the widget, which exists once anywidget is needed."""
    try:
        import anywidget
    except ModuleNotFoundError as error:
        raise missing(error) from None

    class LabelingPage(anywidget.AnyWidget):
        """The labeling page."""

        _esm = _script()
        _css = (STATIC / "page.css").read_text(encoding="utf-8")

        def __init__(self, calls: Calls) -> None:
            super().__init__()
            self.calls = calls
            self.on_msg(self._answer)

        def _answer(self, _: object, message: Mapping[str, Any], __: object) -> None:
            content, buffers = reply(self.calls, message)
            self.send(content, buffers)

    return LabelingPage


def _script() -> str:
    """One module, since a notebook gives it no address from which it could import others."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in ("page.js", "widget.js"))
