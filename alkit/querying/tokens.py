"""Tokens that count: the mask of a batch, and checks that padding is not scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from alkit.errors import PredictionError, SelectionWarning, warn
from alkit.prediction import COUNTED, Prediction, as_mask

MASK = "attention_mask"  # the name that Hugging Face's tokenizers give it


def mask_of(place: int | None, *batches: object) -> object:
    """Mask of the tokens in the input of a model, or in its batch; None without one.

    Args:
        place: position of the mask in a tuple, if ``forward`` has a parameter for it.
        *batches: input and batch.
    """
    for batch in batches:
        mask = batch.get(MASK) if isinstance(batch, Mapping) else None
        if isinstance(batch, tuple | list) and place is not None and place < len(batch):
            mask = batch[place]
        if mask is not None:
            return mask
    return None


def check_counted(prediction: Prediction, mask: object) -> None:
    """Raise if tokens are scored that the mask of the batch leaves out.

    Raises:
        PredictionError: the prediction left none out, and the mask does.
    """
    if mask is None or prediction.task != "tokens" or COUNTED in prediction.__dict__:
        return
    counted = as_mask(mask, MASK)
    if not counted.all() and int(prediction.sizes.min()) >= counted.shape[-1]:
        raise PredictionError(
            f"the batch has the mask {MASK!r}, and the function of outputs= scores padding too: "
            f'pass mask=x["{MASK}"] to al.Prediction.tokens, x being its second parameter, or '
            'declare outputs="tokens".'
        )


def check_tags(prediction: Prediction, labels: Iterable[tuple[int, Any]]) -> None:
    """Warn if tags end in numbers that a loss ignores, and no token is left out of the scores.

    Cost: a look at 20 labels.
    """
    if prediction.task != "tokens" or COUNTED in prediction.__dict__:
        return
    for index, label in islice(labels, 20):
        tags = np.asarray(label)
        if tags.dtype.kind == "i" and tags.ndim == 1 and tags.size and tags[-1] < 0:
            warn(
                f"the tags of sample {index} end in {tags[-1]}, as where a text is padded, and "
                "nothing leaves these tokens out of the scores: return "
                f"{MASK!r} in the batch, 1 where a token counts, or give a mask by "
                "outputs=lambda returned, x: al.Prediction.tokens(returned, mask=x > 0).",
                SelectionWarning,
            )
            return
