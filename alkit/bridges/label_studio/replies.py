"""Replies of a Label Studio server: refusals in words, and the check that it is Label Studio."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from alkit.errors import BridgeError


class TokenRefusedError(BridgeError):
    """A token that the server refuses."""


def refusal(error: HTTPError, url: str, path: str) -> BridgeError:
    """The error for an answer with a status of 300 or more."""
    status = error.code
    where = f"{url} (/{path.partition('?')[0]})"
    if status == 401:
        return TokenRefusedError(
            f"{url} refuses the token: copy the one that its page Account & Settings "
            "shows. A legacy token works only where the organization allows these."
        )
    if status in (301, 302, 303, 307, 308):
        target = error.headers.get("Location", "")
        return BridgeError(
            f"{where} redirects to {target!r:.200}, which alkit does not follow, since the "
            "token would go there: use the address of Label Studio itself as url."
        )
    if status == 403:
        return BridgeError(f"{where} does not allow this to the account of the token (403).")
    if status == 404:
        return BridgeError(
            f"{where} does not exist (404): check the address, and the project's id."
        )
    if status == 413:
        return BridgeError(f"{where} takes no request of this size (413): see its settings.")
    if status >= 500 or status == 429:
        return BridgeError(f"{where} failed ({status}): see its log, and call again later.")
    return BridgeError(f"{where} refuses the request ({status}): {_reason(error)}.")


def part(found: Any, key: str) -> Any:
    """A part of an answer; raise a BridgeError if the answer is not one of Label Studio."""
    if not isinstance(found, dict) or key not in found:
        raise _strange(found)
    return found[key]


def rows(found: Any) -> list[dict[str, Any]]:
    """A list of records; raise a BridgeError if the answer is not one of Label Studio."""
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise _strange(found)
    return found


def _strange(found: object) -> BridgeError:
    return BridgeError(
        "what answers is not Label Studio, or a version that alkit cannot use (1.23 is tested): "
        f"{found!r:.200}."
    )


def _reason(error: HTTPError) -> str:
    """The reason that Label Studio states for a refusal, shortened."""
    try:
        found = json.loads(error.read())
    except (ValueError, OSError, HTTPException):
        return "without a reason"
    if isinstance(found, dict):
        found = found.get("validation_errors") or found.get("detail") or found
    return f"{found if isinstance(found, str) else json.dumps(found, ensure_ascii=False):.500}"
