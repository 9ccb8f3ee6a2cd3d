"""Features of the frozen part of a strategy's own network, kept in a file for all rounds."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from alkit.atomic import as_path
from alkit.errors import ConfigurationError, FeaturesError, FolderError, warn
from alkit.features import Source
from alkit.features.cache import ROWS, Cache, Part, check_space
from alkit.features.on_disk import hashes
from alkit.lock import wait_for
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import OUTSIDE, Indices
from alkit.pool.fingerprint import content_of_some, fixed_draws
from alkit.prediction import Prediction
from alkit.progress import Bar
from alkit.querying.cut import Cut, one_tensor
from alkit.querying.cut_network import CutNetwork, flat

if TYPE_CHECKING:
    from alkit.querying.context import Learner

TRIED = 3  # samples that are predicted in full, to compare
FEW = 32  # samples that are predicted in full rather than looked up
SECONDS = 10.0  # after which computed rows are written


class CachedFeatures:
    """Predictions of the samples of a pool from features that are kept in a file.

    The part of the network before the first trained layer is frozen: its output for a sample is the
    same in each round. It is computed once for all samples of the pool; then a query calls the
    rest of the network alone, and reads no inputs. Each use compares a hash of the weights, 16 of
    the samples, and three predictions with those of the whole network. The first use in a process
    reads all samples, and compares a hash of each.

    Args:
        path: the ``.npy`` file, ``(N, D)`` in the order of the samples. Beside it lie an index, and
            rows of an unfinished computation, which is resumed.

    Raises:
        ConfigurationError: the path does not end with ``.npy``.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = as_path(path)
        if self.path.suffix != ".npy":
            raise ConfigurationError(f"cache_features must be a .npy file, got {str(self.path)!r}.")
        self._last: tuple[str, str] | None = None  # cut and weights of the last use

    def predictions(
        self,
        learner: Learner,
        pool: ActiveLearningDataset,
        indices: Indices,
        device: torch.device,
        sampled: nn.Module,
    ) -> Generator[Prediction, None, None]:
        """Yield the predictions of some samples, as ``Predictor.predictions`` does.

        A few samples, and those of other pools, are predicted in full.

        Raises:
            ConfigurationError: there is no frozen part whose output suffices.
            FeaturesError: samples are read differently each time; features changed, though weights
                and samples did not.
            FolderError: the file cannot be written, or is one of another kind.
        """
        predictor, module, ids = learner.predictor, learner.module, np.asarray(indices)
        if pool._samples is not learner.train_pool._samples or len(ids) <= FEW:
            batches = learner.scoring_batches(pool, ids)
            yield from predictor.predictions(module, batches, device, sampled)
            return
        some = ids[np.linspace(0, len(ids) - 1, TRIED).astype(int)]
        net = CutNetwork(learner, device, sampled, some)
        cut, tried = net.cut()
        left = np.union1d(pool.annotated_indices, pool.unannotated_indices)
        every, rows = self._rows(net, cut, tried, ids, left)
        net.compare(rows[np.searchsorted(every, net.tried)], tried, cut)
        size = learner.test_batch_size

        def batches_of_rows() -> Iterator[tuple[Tensor, Tensor]]:
            for start in range(0, len(ids), size):
                some = ids[start : start + size]
                part = rows[np.searchsorted(every, some)]
                yield torch.from_numpy(some), part.to(tried.dtype).view(-1, *tried.shape[1:])

        with closing(net.behind(batches_of_rows())) as stream:
            while True:
                with cut.rest():  # not while the caller holds a prediction
                    prediction = next(stream, None)
                if prediction is None:
                    return
                yield prediction
                del prediction

    def _rows(
        self, net: CutNetwork, cut: Cut, tried: Tensor, wanted: np.ndarray, left: np.ndarray
    ) -> tuple[np.ndarray, Tensor]:
        """Ids and flat rows of all samples, from the file; made if they are not there.

        Where a sample cannot be read, as one that is excluded, they are of those that are left.
        """
        pool, weights = net.pool, cut.weights()
        if self._last is not None and self._last[0] == cut.name and self._last[1] != weights:
            warn(
                f"the weights or buffers before the cut ({cut.name}) changed since the last query, "
                f"so {self.path} is computed again: freeze them, and keep BatchNorm in eval mode, "
                "backbone.eval() before fit."
            )
        self._last = cut.name, weights
        recipe = f"{weights} {tried.dtype} {tuple(tried.shape[1:])}"
        every = np.flatnonzero(pool.rounds != OUTSIDE)
        view = pool.view(every, labels=False, scoring=True)

        def content(seed: int = 0) -> str:
            return content_of_some(view.__getitem__, np.arange(len(every)), seed)

        def made() -> tuple[np.ndarray, Tensor]:
            if content(0) != content(1):
                raise FeaturesError(
                    "the samples are read differently each time, as by random augmentation, so "
                    "cache_features= cannot keep their features: give the pool a dataset without "
                    "it, and the augmentation as transform=, with scoring_transform=lambda x: x."
                )
            try:
                return every, self._made(net, cut, recipe, every, tried)
            except FolderError:
                raise
            except Exception:
                if len(left) == len(every):
                    raise
                return left, self._made(net, cut, recipe, left, tried)

        key = (str(self.path.absolute()), recipe, len(pool), *net.samples.reading)
        return pool.features.rows(key, made, wanted, content)

    def _made(
        self, net: CutNetwork, cut: Cut, recipe: str, ids: np.ndarray, tried: Tensor
    ) -> Tensor:
        """Rows of samples in their order, mapped to the file; those that it lacks are computed."""
        folder, name = self.path.absolute().parent, self.path.name
        nbytes = tried[0].numel() * (8 if tried.dtype == torch.float64 else 4) * len(ids)
        check_space(folder, 0)
        with ExitStack() as stack:
            wait_for(stack, folder, file=f".{name}.lock")
            if self.path.exists() and not (folder / f"{name}.json").exists():
                raise FolderError(
                    f"{self.path} exists, and cache_features= did not write it: name another file."
                )
            cache = Cache(folder, name, recipe, name)
            part = Part(cache)
            known, contents = {*cache.contents, *part.contents}, []
            source = Source(ids, len(net.pool), net.batches, net.pool.names)
            what = f"features, {nbytes / 1e6:,.1f} MB"
            with net.whole() as run, cut.captured() as found, Bar(len(ids), what) as bar:
                new, last = _Waiting(part), time.monotonic()
                with fixed_draws():
                    for some, batch in source.batches():
                        x = net.input_of(batch)
                        keys = [*hashes(x, len(some), source.is_list(x, len(some)))]
                        contents += keys
                        if not known.issuperset(keys):
                            if not known:
                                check_space(folder, 2 * nbytes)  # with the unfinished part
                            found.clear()
                            run(batch)
                            new.add(keys, flat(one_tensor(found, len(some), cut.name)), known)
                        if len(new) >= ROWS or time.monotonic() - last > SECONDS:
                            new.write()
                            last = time.monotonic()
                        bar.update(len(some))
                new.write()
            if cache.ordered(contents) is None:
                sources = [] if cache.rows is None else [(cache.contents, cache.rows)]
                sources += [(part.contents, part.rows)] if part.contents else []
                cache.write(contents, sources)
            part.remove()
        return torch.from_numpy(np.load(self.path, mmap_mode="c", allow_pickle=False))

    def __repr__(self) -> str:
        return f"CachedFeatures({str(self.path)!r})"


class _Waiting:
    """Computed rows that are to be written to the unfinished file."""

    def __init__(self, part: Part) -> None:
        self._part, self._keys, self._rows = part, [], []

    def add(self, keys: list[str], rows: np.ndarray, known: set[str]) -> None:
        """Add the rows whose keys are not known, and their keys to the known ones."""
        for key, row in zip(keys, rows, strict=True):
            if key not in known:
                known.add(key)
                self._keys.append(key)
                self._rows.append(row)

    def write(self) -> None:
        if self._keys:
            self._part.append(self._keys, np.stack(self._rows))
            self._keys, self._rows = [], []

    def __len__(self) -> int:
        return len(self._keys)
