"""The end of a comparison by SIGTERM, as of batch systems: as by Ctrl-C, with exit status 143."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

from alkit.errors import FolderError
from alkit.evidence.records import Records

P = ParamSpec("P")
R = TypeVar("R")

STATUS = 128 + signal.SIGTERM  # as shells report it


def ends_when_terminated(function: Callable[P, R]) -> Callable[P, R]:
    """Let SIGTERM end a function that has an argument ``folder``, as `terminable` does."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with terminable(kwargs.get("folder"), "make the same call again."):
            return function(*args, **kwargs)

    return run


@contextmanager
def terminable(folder: object, again: str) -> Iterator[None]:
    """Let SIGTERM raise ``SystemExit(143)`` within the block, and print what is kept.

    Lightning, which calls this handler after its own, would end the process with status 0. In
    another thread than the main one, or where the process has its own handler, nothing changes.

    Args:
        folder: folder of the comparison; None if it has none.
        again: how to continue, for the message.
    """
    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    except SystemExit as stopped:
        if stopped.code not in (STATUS, signal.SIGTERM):  # Ray's handler exits with the latter
            raise
        print(kept(folder, again), file=sys.stderr)
        raise SystemExit(STATUS) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def raise_end_of(error: BaseException | None) -> None:
    """Raise the end of the program (SIGTERM, Ctrl-C) during which an error was raised, if any.

    It may come at a moment when Lightning cannot end a fit, and fails in turn.
    """
    while error is not None:
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise error from None
        error = error.__context__


def kept(folder: object, again: str) -> str:
    """Message on the rounds that a stopped comparison has kept, and how to continue it."""
    if not isinstance(folder, str | Path):
        return "\nalkit: stopped; nothing is kept. Pass folder= to keep every finished round."
    try:
        records = Records.load(folder)
        made = records.protocol
        total = made["rounds"] * len(made["seeds"]) * len(made["strategies"])
    except (FolderError, KeyError, TypeError):
        return "\nalkit: stopped before the first round ended; nothing is kept."
    return (
        f"\nalkit: stopped. {len(records.rows)} of {total} rounds are finished and kept in "
        f"{folder}.\nTo continue: {again}"
    )


def _end(number: int, frame: object) -> NoReturn:
    raise SystemExit(STATUS)
