"""Web application of the labeling page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit.errors import MissingPackageError
from alkit.page.calls import Calls, Refused
from alkit.page.guard import Guard

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STATIC = Path(__file__).with_name("static")
FILES = {
    "/": ("index.html", "text/html"),
    "/start.js": ("start.js", "text/javascript"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
MOST = 4_000_000  # bytes of a call


def application(calls: Calls, token: str, host: str = "127.0.0.1") -> Guard:
    """Return the ASGI application that serves the page and its calls.

    ``POST /call/NAME`` carries out a call of ``calls``, ``GET /sample/TICKET`` returns what is
    shown of a sample; both run in threads, so that no person waits for another's disk.

    Args:
        calls: the calls.
        token: text that each call must have in its header.
        host: the host that the server is bound to.

    Raises:
        MissingPackageError: starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import FileResponse, JSONResponse, Response
        from starlette.routing import Route
    except ModuleNotFoundError as error:
        raise missing(error) from None

    async def static(request: Request) -> Response:
        name, kind = FILES[request.url.path]
        return FileResponse(STATIC / name, media_type=kind, headers={"cache-control": "no-cache"})

    async def call(request: Request) -> Response:
        try:
            body = await _json(request)
            done = await run_in_threadpool(calls, request.path_params["name"], body)
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status)
        return JSONResponse(done, headers={"cache-control": "no-store"})

    async def sample(request: Request) -> Response:
        try:
            shown = await run_in_threadpool(calls.sample, request.path_params["ticket"])
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status)
        headers = {"cache-control": "private, max-age=600"}
        return Response(shown.content, media_type=shown.type, headers=headers)

    routes = [
        *(Route(path, static) for path in FILES),
        Route("/call/{name}", call, methods=["POST"]),
        Route("/sample/{ticket}", sample),
    ]
    return Guard(Starlette(routes=routes), token, host, frozenset(FILES))


def missing(error: ModuleNotFoundError) -> MissingPackageError:
    """The error for a package of the extra that is not installed."""
    return MissingPackageError(f"the labeling page needs {error.name}: pip install 'alkit[label]'.")


async def _json(request: Request) -> Any:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST:
            raise Refused(413, "the call is too large.")
    try:
        return json.loads(content)
    except ValueError:
        raise Refused(422, "the call is not JSON.") from None
