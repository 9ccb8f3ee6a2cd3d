"""Guard of the page's server: who may ask, and what a browser may do with the answers."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

LOCAL = ("127.0.0.1", "localhost", "::1")
TOKEN = "x-alkit-token"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Guard:
    """Application around another one: checks Host, Origin and token, and adds headers.

    - Host must be this machine, so that a page of another name cannot be led here (400);
    - Origin must be the page's own, so that no other page can ask (403);
    - the token is needed for all but the static files (401). It is sent as a header and stands in
      the fragment of the address, which browsers send to nobody; there is no cookie.

    Args:
        app: the application within.
        token: the token.
        host: the host that the server is bound to. If other machines can reach it, numbers of
            machines and its name are good hosts as well.
        free: paths that need no token.
    """

    def __init__(self, app: App, token: str, host: str, free: frozenset[str]) -> None:
        self.app, self.free = app, free
        self._token, self._host = token.encode(), host.strip("[]").lower()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, with_headers)
            return
        status, reason = refusal
        kind = [(b"content-type", b"text/plain; charset=utf-8")]
        await with_headers({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": reason.encode()})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._is_own(host):
            return 400, "This host is not the one that the page is served for."
        if headers.get(b"origin", f"http://{host}") not in (f"http://{host}", f"https://{host}"):
            return 403, "Another page may not ask this server."
        if headers.get(b"sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "Another page may not ask this server."
        given = headers.get(TOKEN.encode(), "").encode()
        if scope["path"] not in self.free and not secrets.compare_digest(given, self._token):
            return 401, "Open the address that alkit has printed: the token is missing or another."
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in LOCAL or name == self._host:
            return True
        if self._host in LOCAL:
            return False
        return _is_number(name) or name == socket.gethostname().lower()


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
