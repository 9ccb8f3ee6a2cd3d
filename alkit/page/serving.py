"""Serving of the labeling page until it is stopped, or enough is labeled."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import webbrowser
from dataclasses import replace
from typing import Any

from alkit.arguments import check_integer
from alkit.page.address import Address, bound, check_host
from alkit.page.calls import Calls
from alkit.page.desk import Desk
from alkit.page.server import application, missing
from alkit.page.shown import Render

PAUSE = 3.0  # seconds after the last answer in which it can be undone


def serve(
    desk: Desk,
    render: Render,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    person: str = "",
    allow_remote: bool = False,
    open_browser: bool = True,
    title: str = "",
    until: int | None = None,
) -> int:
    """Serve the labeling page, until Ctrl-C or until enough is labeled.

    The address is printed. It holds a token, without which no call is answered. Port and token are
    kept beside the ledger and used again, so that an open page continues after a restart.

    Args:
        desk: the desk that hands out questions and takes answers.
        render: function from the name of a sample to what is shown of it, see ``shown``; called in
            threads.
        host: interface of this machine.
        port: the port; 0 for the one that was used last, or a free one.
        person: name of the person whose page does not state one, as by ``?as=NAME``.
        allow_remote: whether ``host`` may be one that other machines reach. The connection is not
            encrypted.
        open_browser: whether to open the page in a browser.
        title: title of the page.
        until: number of answers after which the page ends. Default: no limit.

    Returns:
        The number of answers that were taken, without those that were undone.

    Raises:
        PageError: the port is taken, or other machines could reach the page.
        MissingPackageError: the packages of the extra ``label`` are not installed.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise missing(error) from None
    check_host(host, allow_remote)
    if until is not None:
        check_integer("until", until)
    desk.seat(person, "")
    before, kept = desk.taken, Address.beside(desk.ledger.path)
    calls = Calls(desk, render, kept.token, person=person, title=title, until=until)
    app = application(calls, kept.token, host)
    listener = bound(host, port, kept.port)
    try:
        used = listener.getsockname()[1]
        if not kept.port:
            kept = replace(kept, port=used)
            kept.keep(desk.ledger.path)
        url = f"http://{_named(host)}:{used}/#{kept.token}"
        print(f"Label at {url}\nCtrl-C ends.", flush=True)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_level="warning",
                timeout_graceful_shutdown=2,
            )
        )
        attending = (server, calls, url if open_browser else "")
        threading.Thread(target=_attend, args=attending, daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        listener.close()
    return desk.taken - before


def _attend(server: Any, calls: Calls, url: str) -> None:
    """Open the page when the server has started, and end the server when enough is labeled."""
    ended = None
    while not server.should_exit:
        time.sleep(0.1)
        if url and server.started:
            webbrowser.open(url)
            url = ""
        ended = (ended or time.monotonic()) if calls.left == 0 else None
        if ended is not None and time.monotonic() - ended > PAUSE:
            server.should_exit = True


def _named(host: str) -> str:
    """Host as an address has it; for all interfaces, the name of this machine."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
