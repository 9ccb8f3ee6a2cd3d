"""Samples read ahead in threads, with a bar that shows the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psutil
from tqdm.auto import tqdm

from alkit.errors import UnreadableSampleError
from alkit.features.vectors import Job

Read = Callable[[str], Any]


def read_ahead(
    job: Job, names: Sequence[str], read: Read, size: int
) -> Iterator[tuple[list[str], list[Any]]]:
    """Chunks of samples that can be read, while the next chunk is read in threads.

    Args:
        job: gets the reason of each sample that cannot be read.
        names: names of the samples.
        read: function from a name to what is needed of the sample.
        size: number of samples of a chunk; two chunks are in memory at once.
    """
    chunks = [names[start : start + size] for start in range(0, len(names), size)]
    threads = ThreadPoolExecutor(max(2, psutil.cpu_count() or 1))
    bar = tqdm(total=len(names), desc="features", delay=1, disable=not job.progress)
    try:
        waiting = [[threads.submit(read, name) for name in chunk] for chunk in chunks[:1]]
        for place, chunk in enumerate(chunks):
            if place + 1 < len(chunks):
                waiting.append([threads.submit(read, name) for name in chunks[place + 1]])
            done = [
                _result(name, future, job.problems) for name, future in zip(chunk, waiting.pop(0))
            ]
            good = [pair for pair in done if pair is not None]
            if good:
                yield [name for name, _ in good], [item for _, item in good]
            bar.update(len(chunk))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        bar.close()


def _result(name: str, future: Future[Any], problems: dict[str, str]) -> tuple[str, Any] | None:
    try:
        return name, future.result()
    except UnreadableSampleError as error:
        problems[name] = str(error)
        return None
