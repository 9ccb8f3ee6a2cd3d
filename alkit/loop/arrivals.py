"""Samples that arrive in a stream: their scores, those that wait, and the state in a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alkit.atomic import as_path, write_whole
from alkit.criteria import Criterion
from alkit.errors import ConfigurationError, FolderError, SampleIndexError
from alkit.loop.watching import Watcher
from alkit.pool.grown import arrived, grown, ungrown
from alkit.querying.gathered import gather
from alkit.selectors import TopK
from alkit.strategies.learner import ActiveLearner

if TYPE_CHECKING:
    from alkit.loop.stream import Stream

FORMAT = "alkit stream 1"
OF_WORKERS = (
    *("num_workers", "persistent_workers", "prefetch_factor", "timeout", "worker_init_fn"),
    *("multiprocessing_context", "in_order"),
)  # arguments of a DataLoader that has workers


class Scorer:
    """Scores of samples that are not of the pool, by the criterion of a strategy.

    Args:
        strategy: the strategy.
        needed: False if a rule needs no scores; each is then 0.

    Raises:
        ConfigurationError: it is not a strategy that scores each sample by itself.
        UnbuiltError: it is not built.
    """

    def __init__(self, strategy: ActiveLearner, needed: bool) -> None:
        if not isinstance(strategy, ActiveLearner):
            raise ConfigurationError(
                "Stream needs a strategy, such as al.Strategy(network, pool).build(), got "
                f"{strategy!r}."
            )
        strategy.check_built("stream over")
        self.strategy, self.needed = strategy, needed
        self._made_for: tuple[Any, ...] = ()
        self._watcher = Watcher()
        if needed:
            _check_scores_alone(strategy)

    def __call__(self, inputs: list[Any]) -> np.ndarray:
        """Score of each input ``(n,)``, float64."""
        if not self.needed:
            return np.zeros(len(inputs))
        strategy, criterion = self.strategy, self.criterion
        pool = arrived(strategy.train_pool, inputs)
        with (
            _in_this_process(strategy),
            closing(strategy.predictions(pool, pool.indices)) as predictions,
        ):
            watched = self._watcher.watched(predictions)
            seen = gather(watched, len(inputs), terms=criterion.terms)
        scores = criterion.combine(*seen.scores)
        self._watcher.warn(criterion, scores, strategy.trained)
        return scores.double().cpu().numpy()

    @property
    def criterion(self) -> Criterion:
        """The criterion, with what it needs from its context; bound once per training."""
        strategy = self.strategy
        made_for = (strategy.criterion, strategy.fits, strategy.train_pool)
        if any(now is not then for now, then in zip(made_for, self._made_for or (None,) * 3)):
            _check_scores_alone(strategy)
            self._made_for = made_for
            self._criterion = strategy.criterion.at(strategy.context)
            self._watcher.begin()
        return self._criterion


def _check_scores_alone(strategy: ActiveLearner) -> None:
    """Raise a ConfigurationError if a strategy does not score each sample by itself."""
    if not strategy.asks_by_acquisition:
        raise ConfigurationError(
            f"{type(strategy).__name__} queries by its own query_strategy, which chooses from a "
            "pool: a stream needs a criterion, strategy.acquisition = al.Acquisition(al.Margin())."
        )
    if type(strategy.selector) is not TopK:
        raise ConfigurationError(
            f"{strategy.selector!r} chooses among candidates, and a stream decides about each "
            "sample by itself: give the strategy a criterion alone, or the stream "
            "rule=RandomSampling(), which needs no scores."
        )
    if not strategy.criterion.row_by_row:
        raise ConfigurationError(
            f"{strategy.criterion!r} compares all candidates, and a stream scores each sample by "
            "itself: leave out Rank, ZScore and MinMax. The rule Quantile() compares a score with "
            "those before it."
        )


@contextmanager
def _in_this_process(strategy: ActiveLearner) -> Iterator[None]:
    """Loaders without workers, whose start would cost more than a mini-batch."""
    kept = strategy.loader
    strategy.loader = {name: value for name, value in kept.items() if name not in OF_WORKERS}
    try:
        yield
    finally:
        strategy.loader = kept


def check_waiting(numbers: Any, waiting: Mapping[int, Any]) -> np.ndarray:
    """Return numbers of samples that wait for a label, int64 ``(n,)``.

    Raises:
        SampleIndexError: they are anything else, or a number is given twice.
    """
    ids = np.asarray(numbers)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise SampleIndexError(f"expected a list of numbers of samples, got {numbers!r}.")
    strange = [number for number in ids.tolist() if number not in waiting]
    if strange:
        raise SampleIndexError(
            f"sample {strange[0]} of the stream does not wait for a label: see stream.waiting."
        )
    if len(set(ids.tolist())) < len(ids):
        raise SampleIndexError("a sample of the stream is given twice.")
    return ids.astype(np.int64)


# --- state ------------------------------------------------------------------------------------


def save_stream(stream: Stream, path: str | PathLike[str]) -> None:
    """Write a stream and its strategy to one file, whole or not at all."""
    target = as_path(path)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "strategy.pt"
        stream.strategy.save(file)
        strategy = torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.uint8)
    state = {
        "format": FORMAT,
        "decider": stream.decider.state_dict(),
        "labeled": stream.labeled,
        "waiting": [[number, _plain(x)] for number, x in stream.waiting.items()],
        "new": [[number, _plain(x), y] for number, x, y in stream._new],
        "grown": [[n, _plain(x), y] for n, x, y in ungrown(stream.strategy.train_pool)],
        "strategy": strategy,
    }
    content = io.BytesIO()
    try:
        torch.save(state, content)
        _unpacked(content.getvalue())
    except Exception as error:
        raise ConfigurationError(
            "the stream cannot be saved: inputs must be tensors, arrays, numbers, text, or lists "
            f"and dicts of these, as a transform of the source makes them. {error}"
        ) from error
    write_whole(target, content.getvalue())


def load_stream(stream: Stream, path: str | PathLike[str]) -> None:
    """Replace the state of a stream and its strategy; what may be refused is restored first."""
    source, advice = as_path(path), "Load a file that stream.save wrote, or start without one."
    try:
        state = _unpacked(source.read_bytes())
        if state["format"] != FORMAT:
            raise ValueError(f"it is not of the format {FORMAT!r}")
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}. {advice}") from error
    except Exception as error:  # torch has no common class for damaged files
        raise FolderError(
            f"{path} is damaged, or was not written by stream.save. {advice}"
        ) from error
    stream.decider.check_state(state["decider"])
    strategy = stream.strategy
    before, file = strategy.train_pool, Path()
    if ungrown(before):
        raise ConfigurationError(
            "this stream has labeled samples already: load into a new stream, of a strategy that "
            "is made as the saved one was."
        )
    try:
        if state["grown"]:
            strategy.train_pool = grown(before, _arrivals(state["grown"]))
        with TemporaryDirectory() as folder:
            file = Path(folder) / "strategy.pt"
            file.write_bytes(state["strategy"].numpy().tobytes())
            strategy.load(file)
    except BaseException as error:
        strategy.train_pool = before
        if isinstance(error, ConfigurationError):
            raise ConfigurationError(str(error).replace(str(file), str(path))) from error
        raise
    stream.decider.load_state_dict(state["decider"])
    stream.labeled = state["labeled"]
    stream.waiting = {number: _given(x) for number, x in state["waiting"]}
    stream._new = _arrivals(state["new"])


def _arrivals(rows: list[list[Any]]) -> list[tuple[int, Any, Any]]:
    return [(number, _given(x), y) for number, x, y in rows]


def _unpacked(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _plain(x: Any) -> Any:
    """An input with its arrays as tensors, marked."""
    if isinstance(x, np.ndarray):
        return {"array": torch.from_numpy(np.ascontiguousarray(x))}
    if isinstance(x, dict):
        return {"dict": {name: _plain(value) for name, value in x.items()}}
    return type(x)(map(_plain, x)) if type(x) in (list, tuple) else x


def _given(x: Any) -> Any:
    """The input that ``_plain`` was given."""
    if isinstance(x, dict):
        if "array" in x:
            return x["array"].numpy()
        return {name: _given(value) for name, value in x["dict"].items()}
    return type(x)(map(_given, x)) if type(x) in (list, tuple) else x
