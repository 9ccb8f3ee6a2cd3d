"""Saving and loading of a strategy: all that its next round depends on, in one file."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from alkit.atomic import as_path, write_whole
from alkit.errors import AlkitError, ConfigurationError, FolderError
from alkit.processes import rank
from alkit.querying import Monitor
from alkit.strategies.identity import arguments, differences, functions, identity, settings
from alkit.strategies.own_labels import check_labels, own_labels

if TYPE_CHECKING:
    from alkit.strategies.asking import Asks

FORMAT = "alkit strategy 1"


class Saved:
    """``save`` and ``load`` of a strategy."""

    _made_with: Mapping[str, Any]  # described before training, which may change attributes

    def build(self) -> Self:
        """Build as ``InitialWeights`` does, and note what the strategy was made with."""
        built = super().build()  # type: ignore[misc]
        strategy = cast("Asks", self)
        if not strategy.fits:
            self._made_with = {"settings": settings(strategy), "arguments": arguments(strategy)}
        return built

    def save(self, path: str | PathLike[str]) -> None:
        """Write all that the next round depends on to one file, whole or not at all.

        Weights and buffers, the initial weights, the annotations of ``train_pool`` and
        ``val_pool``, the number of fits, the history, the queries of ``monitor``, the seed, and the
        state of torch's generators, from which dropout draws. Not the data. Nothing is pickled.
        Optimizers are not needed, since each fit makes new ones. A subclass that keeps more between
        rounds returns it from ``get_extra_state`` and takes it in ``set_extra_state``, as in any
        ``nn.Module``, in tensors and plain values. Of several processes, the first writes.

        Memory: about three times the weights. Cost: the annotated samples whose labels are the
        dataset's are read once per strategy, so that ``load`` can compare their labels.

        Raises:
            UnbuiltError: the strategy is not built.
            ConfigurationError: labels or extra state that are not tensors or plain values.
            FolderError: the file cannot be written; an older one is unchanged.
        """
        strategy = cast("Asks", self)
        strategy.check_built("save")
        if rank() > 0:  # files are written by the first process
            return
        content = _packed(state_of(strategy))
        try:
            _unpacked(content)
        except Exception as error:
            raise ConfigurationError(
                f"{type(self).__name__} cannot be saved: its labels, or what its get_extra_state "
                f"returns, must be tensors, numbers, text, lists or dicts of these. {error}"
            ) from error
        digest = hashlib.sha256(content).hexdigest()
        whole = {"format": FORMAT, "sha256": digest, "state": _as_tensor(content)}
        write_whole(as_path(path), _packed(whole))

    def load(self, path: str | PathLike[str]) -> Self:
        """Continue from what ``save`` wrote: the next rounds are those of the saved strategy.

            strategy = al.UncertaintyStrategy(network, al.Margin(), pool, test=test).build()
            if Path("round.pt").exists():
                strategy.load("round.pt")

        The strategy must be made as the saved one was, over the same data; its seed and
        annotations become those of the file. Torch's global generators return to the state that
        they had at ``save``. Nothing changes if the file is refused. Returns self.

        Raises:
            UnbuiltError: this strategy is not built.
            FolderError: the file is missing, damaged or not one of ``save``.
            ConfigurationError: the file is of a strategy that was made otherwise (another class,
                network, query, option, or attribute of the module before its first fit), or of
                another pool or other labels; the message names what differs.
        """
        strategy = cast("Asks", self)
        strategy.check_built("load")
        state = _read(as_path(path))
        if unlike := unlike_in(strategy, state):
            raise ConfigurationError(
                f"{path} is of another strategy: {'; '.join(unlike)}. Make the strategy as it was "
                "made when the file was saved."
            )
        restore(strategy, state, str(path))
        return self


def unlike_in(strategy: Asks, state: Mapping[str, Any]) -> list[str]:
    """Differences between a strategy and the one of a state, in words."""
    unlike = differences(state["identity"], identity(strategy))
    for part in ("made_with", "code"):  # a file of an earlier version has neither, or less code
        if not unlike and part in state:
            before, now = state[part], _made(strategy)[part]
            unlike = differences(before, _known(before, now) if part == "code" else now)
    if not unlike:
        mine = _shapes(strategy.initial_weights)
        unlike = differences(_shapes(state["initial_weights"]), mine)
    if not unlike and state["weights"].keys() != (own := strategy.state_dict()).keys():
        unlike = [f"weights were {[*state['weights']]} and are {[*own]}"]
    return unlike


def state_of(strategy: Asks) -> dict[str, Any]:
    """All that the next round of a strategy depends on."""
    pools = {"train_pool": strategy.train_pool, "val_pool": strategy.val_pool}
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "identity": identity(strategy),
        **_made(strategy),
        "weights": dict(strategy.state_dict()),
        "initial_weights": strategy.initial_weights,
        "pools": {name: pool and pool.state_dict() for name, pool in pools.items()},
        "labels": {name: pool and own_labels(pool) for name, pool in pools.items()},
        "fits": strategy.fits,
        "history": [strategy.history.history, strategy.history.step_history],
        "monitor": strategy.monitor.state_dict(),
        "seed": int(strategy.seed),
        "generators": [torch.get_rng_state(), *cuda],
    }


def _made(strategy: Asks) -> dict[str, Any]:
    """Values of a strategy as it was built, and the code of its functions, in plain values."""
    made = {"made_with": strategy._made_with, "code": functions(strategy)}
    return json.loads(json.dumps(made))


def _known(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The code of now, without functions and hashes of one name that a file lacks."""
    had = {name: set(text[1:].split()) for name, text in before.items()}
    return {
        name: before[name] if had[name] <= set(text[1:].split()) else text
        for name, text in now.items()
        if name in had
    }


def restore(strategy: Asks, state: Mapping[str, Any], path: str) -> None:
    """Replace the state of a strategy; what may be refused is checked or restored first."""
    Monitor(strategy.train_pool, []).load_state_dict(state["monitor"])
    pools = {"train_pool": strategy.train_pool, "val_pool": strategy.val_pool}
    changed = []
    try:
        for name, pool in pools.items():
            if (pool is None) != (state["pools"][name] is None):
                were = "no " if pool is not None else "a "
                raise ConfigurationError(f"the saved strategy had {were}{name}.")
            if pool is not None:
                before = pool.state_dict()
                pool.load_state_dict(state["pools"][name])
                changed.append((pool, before))
                check_labels(pool, state.get("labels", {}).get(name))
    except AlkitError as error:
        for pool, before in changed:
            pool.load_state_dict(before)
        raise ConfigurationError(f"{path} is of another pool: {error}") from error
    for name, own in strategy.state_dict(keep_vars=True).items():
        if isinstance(own, Tensor) and own.dtype != state["weights"][name].dtype:
            own.data = own.data.to(state["weights"][name].dtype)  # a fit in another precision
    strategy.load_state_dict(state["weights"])
    strategy.initial_weights = state["initial_weights"]
    came_from = strategy.weights_from
    (came_from.begin if strategy.trained else came_from.end)(strategy.module)
    strategy.fits, strategy.seed = state["fits"], state["seed"]
    strategy.history.restore(*state["history"])
    strategy.monitor.load_state_dict(state["monitor"])
    first, *cuda = state["generators"]
    torch.set_rng_state(first)
    if cuda and len(cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(cuda)


def _read(path: Path) -> dict[str, Any]:
    advice = "Load a file that strategy.save wrote, or start without one."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}. {advice}") from error
    try:
        whole = _unpacked(content)
        if not isinstance(whole, dict) or whole.get("format") != FORMAT:
            raise ValueError(f"it is not of the format {FORMAT!r}")
        inner = whole["state"].numpy().tobytes()
        if hashlib.sha256(inner).hexdigest() != whole["sha256"]:
            raise ValueError("its checksum does not match")
        return _unpacked(inner)
    except Exception as error:  # torch has no common class for damaged files
        reason = str(error).splitlines()[0][:100] if isinstance(error, ValueError) else ""
        raise FolderError(
            f"{path} is damaged, or was not written by strategy.save{reason and f': {reason}'}. "
            f"{advice}"
        ) from error


def _shapes(weights: Mapping[str, Any] | None) -> dict[str, str]:
    return {
        name: f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else "a value"
        for name, value in (weights or {}).items()
    }


def _packed(state: object) -> bytes:
    packed = io.BytesIO()
    torch.save(state, packed)
    return packed.getvalue()


def _unpacked(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _as_tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
