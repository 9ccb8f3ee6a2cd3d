"""A prediction in chunks of rows whose temporaries stay in a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from alkit.prediction import Prediction

CACHE = 2**18  # outputs a chunk and thread: 1 MB of float32
MEMORY = 2**26  # outputs a chunk on an accelerator: 256 MB of float32, and few launches


def chunks(prediction: Prediction) -> Iterator[Prediction]:
    """The prediction in consecutive chunks of rows; at least one, also where it has no rows.

    Terms are row by row, so that the size of a chunk does not change a score.
    """
    held = prediction.features if prediction.outputs is None else prediction.outputs
    on_cpu = held.device.type == "cpu"  # type: ignore[union-attr]  # one of them is there
    size = CACHE * torch.get_num_threads() if on_cpu else MEMORY
    rows = max(size // max(held[:1].numel(), 1), 1)  # type: ignore[index]
    if len(prediction) <= rows:
        yield prediction
        return
    for start in range(0, len(prediction), rows):
        yield prediction[start : start + rows]
