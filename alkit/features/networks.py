"""Features of a frozen network: one of torchvision by name, or any module."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from alkit.errors import AlkitError, FeaturesError, ModelOutputError, likely
from alkit.eval_mode import evaluating
from alkit.features.cache import Cache
from alkit.features.reading import read_ahead
from alkit.features.vectors import Job, Made, Vectors, vectors
from alkit.progress import announce

CHUNK = 32  # samples per forward pass


def network_names() -> list[str]:
    """Networks of torchvision that classify images, by name."""
    from torchvision import models

    return models.list_models(module=models)


def download(name: str) -> str:
    """The download that the features of a network of torchvision need; empty if they are here.

    Raises:
        FeaturesError: torchvision has no such network.
    """
    weights = _weights(name)
    if _file(weights).exists():
        return ""
    size = weights.meta.get("_file_size")
    megabytes = f" ({size:.0f} MB)" if size else ""
    return f"the weights of {name}{megabytes} are downloaded from {weights.url} to {_file(weights)}"


def _weights(name: str) -> Any:
    from torchvision.models import get_model_weights

    known = network_names()
    if name not in known:
        raise FeaturesError(
            f'unknown features {name!r}: expected "pixels", "tfidf", the path of a .npy file or a '
            f"network of torchvision{likely(name, ['pixels', 'tfidf', *known])}"
        )
    return get_model_weights(name).DEFAULT  # type: ignore[attr-defined]


def weights_name(name: str) -> str:
    """Name of the weights of a network of torchvision.

    Raises:
        FeaturesError: there is no such network.
    """
    known = network_names()
    if name not in known:
        raise FeaturesError(
            f"torchvision has no network {name!r} that classifies images{likely(name, known)}"
        )
    return str(_weights(name))


def _file(weights: Any) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]


def of_torchvision(
    name: str, instead: str = 'use features="pixels"'
) -> tuple[nn.Module, Callable[[Any], Tensor], str]:
    """A network of torchvision without its last layer, its transform, and the weights' name.

    Weights that are not on this machine are downloaded by torchvision; a line on the standard
    error output announces it, with their size.

    Raises:
        FeaturesError: there is no such network, or its weights cannot be downloaded.
    """
    from torchvision.models import get_model

    weights = _weights(name)
    if announced := download(name):
        announce(announced)
    try:
        with torch.random.fork_rng(devices=[]):  # it draws weights before it loads them
            network = get_model(name, weights=weights)
    except Exception as error:  # urllib has many, and torch others for a damaged file
        remedy = (
            f"Download {weights.url} elsewhere and copy it to {_file(weights)}"
            if announced
            else f"Delete {_file(weights)}, if it is damaged"
        )
        raise FeaturesError(
            f"the weights of {name} cannot be loaded: {error}. {remedy}, or {instead}."
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return without_last_layer(network).to(device), weights.transforms(), str(weights)


def prepared(image: Any) -> Tensor:
    """An image as most networks of torchvision take it: ``(3, 224, 224)``, normalized."""
    from torchvision.models import ResNet18_Weights

    return ResNet18_Weights.DEFAULT.transforms()(image.convert("RGB"))


def described(function: Any) -> str:
    """Text that differs for another function, as far as its code tells."""
    code = getattr(function, "__code__", None)
    if code is None:
        return _without_addresses(repr(function))
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    parts = (code.co_code, code.co_consts, code.co_names, function.__defaults__, cells)
    digest = blake2b(_without_addresses(repr(parts)).encode(), digest_size=8)
    return f"{function.__qualname__} {digest.hexdigest()}"


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def without_last_layer(network: nn.Module) -> nn.Module:
    """The network up to the input of its last linear layer; unchanged if it has none."""
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if linear:
        parent, _, name = linear[-1].rpartition(".")
        setattr(network.get_submodule(parent), name, nn.Identity())
    return network


def of_module(
    job: Job,
    read: Callable[[str], Any],
    network: nn.Module,
    name: str,
    recipe: str,
    collate: Callable[[list[Any]], Any] = default_collate,
    finish: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Vectors:
    """Outputs of a network in eval mode, ``(N, D)``; a new file costs one forward pass of itself.

    Args:
        job: the samples.
        read: function from a name to an input of the network.
        network: the network; its modes are as before afterwards.
        name: start of the names of the files.
        recipe: description of the weights and of what is done to samples.
        collate: function from a list of inputs to a batch.
        finish: function of each batch of features.
    """
    device = next((t.device for t in [*network.parameters(), *network.buffers()]), None)

    def make(todo: list[str]) -> Made:
        chunks = read_ahead(job, todo, read, CHUNK)
        with evaluating(network):
            for done, items in chunks:
                batch = _moved(collate(items), device)
                with torch.inference_mode(), taking(network, batch):
                    output = network(batch)
                yield done, finish(checked(output, done))

    return vectors(Cache(job.folder, name, recipe), job, make)


def _moved(batch: Any, device: torch.device | None) -> Any:
    return batch.to(device) if isinstance(batch, Tensor) and device is not None else batch


@contextmanager
def taking(network: nn.Module, batch: Any) -> Iterator[None]:
    """A FeaturesError in place of what torch raises if a network does not take a batch."""
    try:
        yield
    except (AlkitError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, AssertionError, TypeError) as error:
        *_, reason = f"{error}".strip().splitlines() or [type(error).__name__]  # after a traceback
        exported = any(isinstance(part, torch.fx.GraphModule) for part in network.modules())
        remedy = (
            "Export it for batches of any length, dynamic_shapes=({0: torch.export.Dim('batch')},)."
            if exported
            else "Pass a network that does, or wrap it in one that converts them."
        )
        raise FeaturesError(
            f"the encoder {type(network).__name__} does not take the samples, a batch of "
            f"{_shown(batch)}: {reason.rstrip('.')}. {remedy}"
        ) from error


def _shown(batch: Any) -> str:
    return f"{batch.dtype} {tuple(batch.shape)}" if isinstance(batch, Tensor) else f"{batch!r:.100}"


def checked(output: Any, names: list[str]) -> np.ndarray:
    """The features of a batch, if they are ``(B, D)`` and finite."""
    rows = shaped(output, len(names))
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        raise ModelOutputError(
            f"the network of features= returned NaN or infinity for {len(bad)} of "
            f"{len(rows)} samples, such as {names[int(bad[0])]!r}: look at its weights, and "
            "at the sample."
        )
    return rows


def shaped(output: Any, count: int) -> np.ndarray:
    """The features of a batch in float32, if they are ``(B, D)``."""
    if not isinstance(output, Tensor | np.ndarray):
        raise ModelOutputError(
            "the network of the features must return a tensor (B, D), got a "
            f"{type(output).__name__}."
        )
    if output.is_complex() if isinstance(output, Tensor) else output.dtype.kind not in "biuf":
        raise ModelOutputError(f"features= must return real numbers, got {output.dtype}.")
    rows = output.detach().float().cpu().numpy() if isinstance(output, Tensor) else output
    while rows.ndim > 2 and rows.shape[-1] == 1:
        rows = rows[..., 0]
    if rows.ndim != 2 or len(rows) != count:
        raise ModelOutputError(
            f"the network of the features must return ({count}, D) for {count} samples, got "
            f"{tuple(rows.shape)}. Append pooling and nn.Flatten() to it."
        )
    return rows.astype(np.float32)
