"""Bars with the time left, for work that takes longer than two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from time import monotonic
from typing import Any, TypeVar

from tqdm.auto import tqdm

DELAY = 2.0  # seconds, until a bar shows
T = TypeVar("T")

_on: ContextVar[bool] = ContextVar("on", default=True)


class ErrorOutput:
    """The standard error output, on which what cannot be written is lost, as when it is closed.

    Work must not end because its bar cannot be drawn. tqdm would also keep a lock, for which other
    threads wait. A process without a console has no such output: then nothing is written.
    """

    def __init__(self) -> None:
        self._file: Any = sys.stderr

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def announce(text: str) -> None:
    """Print a line on the standard error output."""
    print(f"alkit: {text}", file=ErrorOutput(), flush=True)


class Bar:
    """A bar on the standard error output, which is made only once the work has taken two seconds.

    Until then, a step only reads the clock. At the end, the bar disappears.

    Args:
        total: number of steps; None if it is not known yet.
        what: name of the work, which may change until the bar shows.
    """

    def __init__(self, total: int | None, what: str) -> None:
        self._total, self.what = total, what
        self._done, self._started, self._shows = 0, monotonic(), _on.get()
        self._bar: tqdm | None = None

    def update(self, steps: int) -> None:
        """Count steps that are done."""
        self.at(self._done + steps, self._total)

    def at(self, done: int, total: int | None) -> None:
        """Set the number of steps that are done; with another total, or fewer, other work began."""
        if total != self._total or done < self._done:
            self.close()
            self._total, self._started = total, monotonic()
        self._done = done
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif self._shows and (passed := monotonic() - self._started) >= DELAY:
            self._bar = tqdm(total=total, desc=self.what, leave=False, file=ErrorOutput())
            self._bar.start_t = self._bar.last_print_t = self._bar.start_t - passed
            self._bar.update(done)

    def close(self) -> None:
        """Remove the bar if it was shown."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_watched: ContextVar[Bar | None] = ContextVar("watched", default=None)


@contextmanager
def showing(progress: bool) -> Iterator[None]:
    """Switch off the bars in the block if ``progress`` is False."""
    token = _on.set(_on.get() and progress)
    try:
        yield
    finally:
        _on.reset(token)


@contextmanager
def watching(what: str) -> Iterator[None]:
    """Show a bar of the progress that is passed to ``report`` in the block."""
    with Bar(None, what) as bar:
        token = _watched.set(bar)
        try:
            yield
        finally:
            _watched.reset(token)


@contextmanager
def aside() -> Iterator[None]:
    """Leave the bar of a loop alone while one of its steps runs loops that report, too."""
    token = _watched.set(None)
    try:
        yield
    finally:
        _watched.reset(token)


def report(done: int, total: int) -> None:
    """Report the progress of a loop to its watcher, if any.

    A selector prints nothing: its loop reports the number of picks so far, and the query shows it.
    Cost: less than a microsecond.
    """
    bar = _watched.get()
    if bar is not None:
        bar.at(done, total)


def reported(parts: Sequence[T]) -> Iterator[T]:
    """Yield the parts of the work of a loop, and report their progress."""
    for done, part in enumerate(parts):
        report(done, len(parts))
        yield part
