"""HTTP exchange with a Label Studio server, with its errors in words."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from alkit.bridges.label_studio.replies import TokenRefusedError, part, refusal, rows
from alkit.errors import BridgeError, ConfigurationError

PAGE = 1000  # tasks in a page of a list


class Server:
    """Label Studio server, and the account that alkit uses there.

    The token goes to this address alone: a redirect is an error, and a proxy is not used for an
    address of this machine.

    Args:
        url: address, such as ``"http://localhost:8080"``.
        token: access token of the account (Account & Settings), legacy or personal.
        timeout: seconds to wait for an answer.

    Raises:
        ConfigurationError: the address or the token cannot be one.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 120.0) -> None:
        self.url = _checked_url(url)
        if not isinstance(token, str) or not token.strip():
            raise ConfigurationError(
                "token must be the access token of a Label Studio account: copy it from its page "
                "Account & Settings."
            )
        self._token = token.strip()
        if not (self._token.isascii() and self._token.isprintable() and " " not in self._token):
            raise ConfigurationError("token has characters that no access token has.")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
            raise ConfigurationError(f"timeout must be a number of seconds, got {timeout!r}.")
        self.timeout = timeout
        self._access = ""  # made from a personal token; expires after minutes
        proxies: tuple[Any, ...] = (urllib.request.ProxyHandler({}),) if _is_local(self.url) else ()
        self._opener = urllib.request.build_opener(_NoRedirect, *proxies)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    # --- requests -----------------------------------------------------------------------------

    def get(self, path: str, **query: object) -> Any:
        """Answer to a GET request, as parsed JSON."""
        return self._asked("GET", f"{path}?{urlencode(query)}" if query else path)

    def send(self, method: str, path: str, body: object, *, patience: float = 0.0) -> Any:
        """Answer to a request with a JSON body; ``patience`` is the least time to wait for it."""
        data = json.dumps(body, allow_nan=False).encode()
        return self._asked(method, path, data, "application/json", patience)

    def upload(self, path: str, files: Sequence[tuple[str, bytes, str]]) -> Any:
        """Answer to a POST request with files: (name, content, media type) each."""
        boundary = secrets.token_hex(16)
        parts = bytearray()
        for place, (name, content, media_type) in enumerate(files):  # the server keeps one per key
            parts += (
                f'--{boundary}\r\nContent-Disposition: form-data; name="{place}"; '
                f'filename="{name}"\r\nContent-Type: {media_type}\r\n\r\n'
            ).encode()
            parts += content + b"\r\n"
        parts += f"--{boundary}--\r\n".encode()
        return self._asked("POST", path, bytes(parts), f"multipart/form-data; boundary={boundary}")

    def pages(self, path: str, key: str, **query: object) -> Iterator[Any]:
        """All items of a list that the server gives in pages."""
        page, seen, total = 1, 0, 1
        while seen < total:
            found = self.get(path, page=page, page_size=PAGE, **query)
            items, total = rows(part(found, key)), part(found, "total")
            if not items:
                return
            yield from items
            page, seen = page + 1, seen + len(items)

    def _asked(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        kind: str = "",
        patience: float = 0.0,
    ) -> Any:
        """Answer to a request; with a personal token that expired, it is made again once."""
        personal = self._token.count(".") == 2  # a JSON web token
        if personal and not self._access:
            self._refresh()
        try:
            return self._answer(method, path, data, kind, patience, self._authorization(personal))
        except TokenRefusedError:
            if not personal:
                raise
            self._refresh()
            return self._answer(method, path, data, kind, patience, self._authorization(True))

    def _refresh(self) -> None:
        body = json.dumps({"refresh": self._token}).encode()
        found = self._answer("POST", "api/token/refresh", body, "application/json", 0.0, {})
        self._access = str(found.get("access", "")) if isinstance(found, dict) else ""

    def _authorization(self, personal: bool) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._access}" if personal else f"Token {self._token}"}

    def _answer(
        self,
        method: str,
        path: str,
        data: bytes | None,
        kind: str,
        patience: float,
        headers: dict[str, str],
    ) -> Any:
        headers = {**headers, **({"Content-Type": kind} if kind else {})}
        request = urllib.request.Request(f"{self.url}/{path}", data, headers, method=method)
        timeout = max(self.timeout, patience)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise refusal(error, self.url, path) from None
        except TimeoutError:
            raise self._late(timeout) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late(timeout) from None
            raise BridgeError(
                f"{self.url} cannot be reached, or cut the connection ({reason or 'no answer'}): "
                "check that Label Studio runs at this address, then call again; what has arrived "
                "there is not sent again."
            ) from None
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise BridgeError(
                f"{self.url} answers with something else than JSON: check that Label Studio runs "
                "at this address."
            ) from None

    def _late(self, timeout: float) -> BridgeError:
        return BridgeError(
            f"{self.url} did not answer within {timeout:g} s: call again, or give it more time by "
            "Server(url, token, timeout=). What has arrived there is not sent again."
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _checked_url(url: object) -> str:
    parts = None
    if isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            "url must be the address of Label Studio, such as 'http://localhost:8080', got "
            f"{url!r}."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError("url must be an address without a user, a query or a fragment.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
