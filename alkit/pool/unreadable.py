"""Samples that a dataset cannot read, such as damaged files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import Subset

from alkit.errors import UnreadableSampleError
from alkit.pool.labels import Describe


def unreadable(
    error: Exception,
    index: int,
    dataset: object,
    describe: Describe,
    others: Sequence[int] = (),
) -> UnreadableSampleError:
    """Error for a sample that cannot be read.

    Args:
        error: the reason.
        index: its dataset index.
        dataset: the dataset, which may hold the path of the sample's file.
        describe: function that names a sample in errors.
        others: indices that were read together with it, any of which may be the cause.
    """
    sample, path = describe(index), path_of(dataset, index)
    named = [sample, path] if path and path not in sample else [sample]
    named += [f"read together with {', '.join(map(str, others[:5]))}"] if others else []
    what = ", ".join(named) + "," * (len(named) > 1)
    reason = f"{type(error).__name__}: {error!s:.500}".rstrip(".: ")
    return UnreadableSampleError(
        f"{what} cannot be read ({reason}): mend it, or leave it out, "
        f'pool.exclude([{index}], "unreadable"). on_error="skip" of a strategy leaves such samples '
        "out of its queries."
    )


def path_of(dataset: Any, index: int) -> str:
    """Path of a sample in a folder of torchvision, also inside a Subset; else empty.

    Such a dataset has a list ``samples`` of paths and classes.
    """
    while type(dataset) is Subset:
        dataset, index = dataset.dataset, dataset.indices[index]
    listed = getattr(dataset, "samples", None)
    first = listed[index] if isinstance(listed, list) and index < len(listed) else None
    path = first[0] if isinstance(first, tuple) and first else None
    return path if isinstance(path, str) else ""
