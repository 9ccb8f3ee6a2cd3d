"""Networks in files: TorchScript, and programs of torch.export. No pickled code of a file runs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from torch import nn

from alkit.errors import FeaturesError

REMEDY = (
    "Load it into your network, network.load_state_dict(torch.load(path)), and pass the network, "
    "Frozen(network); or save the network by torch.jit.script(network).save(path) or "
    "torch.export.save(program, path)."
)
SUFFIXES = (".pt", ".pt2", ".pth", ".ts")
TRAINING = ("train", "training", "dropout_p")  # arguments of operations, false in eval mode


def load(path: Path) -> nn.Module:
    """The network of a file, on the GPU if there is one and it can be moved.

    Raises:
        FeaturesError: the file is missing or damaged, or has weights or a pickled network.
    """
    try:
        with ZipFile(path) as file:
            entries = file.namelist()
    except BadZipFile as error:
        raise FeaturesError(
            f"{path} is damaged, or not a saved network: {error}. {REMEDY}"
        ) from error
    except OSError as error:
        raise FeaturesError(f"{path} cannot be read: {error}.") from error
    scripted = any(entry.endswith("/constants.pkl") for entry in entries)
    names = {Path(entry).name for entry in entries}
    if not scripted and not names & {"archive_format", "serialized_exported_program.json"}:
        raise FeaturesError(
            f"{path} has weights alone, or a pickled network, which alkit does not unpickle, since "
            f"that can run any code. {REMEDY}"
        )
    if any(name.startswith("opaque_obj") for name in names):
        raise FeaturesError(f"{path} has pickled objects, which alkit does not unpickle. {REMEDY}")
    try:
        return _scripted(path) if scripted else _exported(path)
    except Exception as error:  # torch has many for a damaged file
        raise FeaturesError(
            f"{path} is damaged, or of another version of torch: {error!s:.500}. {REMEDY}"
        ) from error


def content(path: Path) -> str:
    """Hash of a file."""
    digest = blake2b(digest_size=8)
    try:
        with path.open("rb") as file:
            while part := file.read(2**20):
                digest.update(part)
    except OSError as error:
        raise FeaturesError(f"{path} cannot be read: {error}.") from error
    return digest.hexdigest()


def check_mode(network: nn.Module) -> None:
    """Raise a FeaturesError if a network keeps the mode of training, whatever ``eval()`` sets."""
    operation = next(_in_training(network), None)
    if operation is not None:
        raise FeaturesError(
            f"the network was traced or exported in training mode: {operation} is in that mode for "
            "good, so its features would be random or depend on the batch. Call network.eval(), "
            "and then trace or export it again."
        )


def _scripted(path: Path) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch recommends torch.export
        network = torch.jit.load(path, map_location="cpu")
    moves = torch.cuda.is_available() and any(True for _ in network.parameters())
    return network.cuda() if moves else network


def _exported(path: Path) -> nn.Module:
    with path.open("rb") as file, _weights_only():
        return torch.export.load(file).module()


@contextmanager
def _weights_only() -> Iterator[None]:
    """Let torch.load read weights alone, also where torch.export asks for more."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _in_training(network: nn.Module) -> Iterator[str]:
    """Operations of traced and exported parts that are in training mode for good."""
    for part in network.modules():
        if isinstance(part, torch.fx.GraphModule):
            for node in part.graph.nodes:
                schema = getattr(node.target, "_schema", None)
                if schema is not None and _trains(schema, node.args, node.kwargs):
                    yield schema.name
        elif isinstance(part, torch.jit.ScriptModule) and hasattr(part, "forward"):
            for node in part.inlined_graph.nodes():  # not those of branches, which may depend on it
                if node.kind().startswith("aten::"):
                    values = [value.toIValue() for value in node.inputs()]  # None if not constant
                    if _trains(torch._C.parse_schema(node.schema()), values, {}):
                        yield node.kind()


def _trains(schema: Any, values: Any, named: Any) -> bool:
    given = {**dict(zip((each.name for each in schema.arguments), values)), **named}
    return any(isinstance(given.get(name), bool | float) and given[name] for name in TRAINING)
