"""Outputs of frozen encoders: networks, those of torchvision, and transformers of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor, nn

from alkit.errors import FeaturesError, warn
from alkit.eval_mode import evaluating
from alkit.features.components import fitted_to
from alkit.features.inputs import values_of
from alkit.features.networks import of_torchvision, shaped, taking, weights_name
from alkit.features.saved import check_mode, load
from alkit.features.source import Source
from alkit.model_outputs import features_of
from alkit.pool.fingerprint import fixed_draws
from alkit.training.calls import output_for
from alkit.training.precision import as_weights

Rows = Iterator[np.ndarray]  # (B, D) of batches of samples


def of_network(network: nn.Module, source: Source) -> Rows:
    """Outputs of a network in eval mode for what ``source.input_of`` finds in each batch."""
    return _of_network(network, source, lambda batch: source.input_of(batch, network))


def of_file(path: Path, source: Source) -> Rows:
    """Outputs of a network that is saved in a file.

    Raises:
        FeaturesError: the file has no such network.
    """
    yield from of_network(load(path), source)


def of_named(name: str, source: Source) -> Rows:
    """Outputs of a network of torchvision without its last layer, for RGB images.

    Raises:
        FeaturesError: there is no such network, its weights cannot be downloaded, or the samples
            are not images with values in [0, 1].
    """
    weights_name(name)  # its error names similar networks
    network, prepare, _ = of_torchvision(name, instead="use Inputs()")

    def input_of(batch: Any) -> Tensor:
        images = source.input_of(batch, network)
        if isinstance(images, list | tuple):
            return torch.stack([prepare(_rgb(torch.as_tensor(image), name)) for image in images])
        return prepare(_rgb(torch.as_tensor(images), name))

    return _of_network(network, source, input_of)


def _of_network(network: nn.Module, source: Source, input_of: Callable[[Any], Any]) -> Rows:
    check_mode(network)
    cast = as_weights(network)
    device = next((t.device for t in [*network.parameters(), *network.buffers()]), None)

    def called(ids: np.ndarray, batch: Any) -> np.ndarray:
        x = input_of(batch)
        with torch.inference_mode(), taking(network, x):
            moved = cast(x if device is None else move_data_to_device(x, device))
            output = features_of(output_for(network, moved))
        return shaped(output, len(ids))

    with evaluating(network):
        for number, (ids, batch) in enumerate(source.batches()):
            rows = called(ids, batch)
            if not number and len(ids) > 2:
                _compare(rows[:2], called(*next(source.batches(ids[:2]))), type(network))
            yield rows


def _compare(rows: np.ndarray, alone: np.ndarray, encoder: type) -> None:
    """Warn if two samples have other features in another batch."""
    if not np.allclose(
        rows[: len(alone)], alone, rtol=0, atol=0.05 * np.abs(rows).max(), equal_nan=True
    ):
        warn(
            f"{encoder.__name__} has other features for the same samples in another batch, so they "
            "depend on chance or on other samples: leave out dropout that is always on, statistics "
            "of the batch (BatchNorm without running ones) and padding that is not masked."
        )


def of_transformer(transformer: Any, source: Source) -> Rows:
    """Outputs of an object with ``transform``; one that is not fitted is cloned and fitted."""
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(transformer)
    except NotFittedError:
        chosen = source.ids[fitted_to(len(source.ids))]
        parts = [*values_of(source, chosen, quantities=False)]
        texts = isinstance(parts[0], list)
        whole = [text for part in parts for text in part] if texts else np.concatenate(parts)
        with fixed_draws():  # some draw from the global generator of NumPy
            copy: Any = clone(transformer)
            transformer = copy.fit(whole)
    except TypeError:  # not one of scikit-learn: it has no state to check
        pass
    for number, part in enumerate(values_of(source, source.ids, quantities=False)):
        rows = _dense(transformer.transform(part), len(part))
        if not number and len(part) > 2:
            _compare(rows[:2], _dense(transformer.transform(part[:2]), 2), type(transformer))
        yield rows


def _dense(rows: Any, count: int) -> np.ndarray:
    if hasattr(rows, "toarray"):
        raise FeaturesError(
            f"the transformer returned a sparse matrix with {rows.shape[1]:,} columns: end it with "
            "TruncatedSVD(100), as in make_pipeline(TfidfVectorizer(), TruncatedSVD(100))."
        )
    return shaped(np.asarray(rows), count)


def _rgb(images: Tensor, name: str) -> Tensor:
    """Images ``(..., 3, H, W)`` with values in [0, 1], or bytes."""
    if images.ndim < 3 or images.shape[-3] not in (1, 3):
        raise FeaturesError(
            f"Frozen({name!r}) takes images (3, H, W) or (1, H, W), and the samples are "
            f"{tuple(images.shape)}. Use Inputs(), or Frozen(module) with a network of your own."
        )
    if images.dtype != torch.uint8:
        low, high = (float(bound) for bound in images.aminmax())
        if not images.is_floating_point() or low < 0 or high > 1:
            raise FeaturesError(
                f"Frozen({name!r}) takes images with values in [0, 1] or bytes, and the samples "
                f"have {low:.3g} to {high:.3g}: leave out their normalization, scoring_transform= "
                "of the pool, or pass a network that takes them, Frozen(module)."
            )
    return images.expand(*images.shape[:-3], 3, *images.shape[-2:])
