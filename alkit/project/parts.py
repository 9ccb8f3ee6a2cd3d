"""Parts of a project: samples, ledger, features, pool and strategy, made when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, count
from pathlib import Path
from typing import Any

from torch import nn

from alkit.errors import ProjectError
from alkit.pool import ActiveLearningDataset, Query
from alkit.pool.ledger import Ledger
from alkit.project import opening
from alkit.project.answers import Answers
from alkit.project.asking import Asking, Factory
from alkit.project.assessment import Assessment
from alkit.project.catalog import FILE as SAMPLES
from alkit.project.catalog import Catalog
from alkit.project.changes import Changes
from alkit.project.defaults import scaled
from alkit.project.features import Features, compute
from alkit.project.features.pixels import NOTE
from alkit.project.models import Inputs, Rows, named, transform_of
from alkit.project.order import AuditOrder
from alkit.project.results import Results
from alkit.project.samples import Source
from alkit.project.settings import Settings
from alkit.project.sources import place
from alkit.project.weights import Weights
from alkit.strategies import ActiveLearner
from alkit.training import Estimator

PIXELS = "pixels"

ROUNDS = "rounds"


@dataclass(frozen=True)
class Given:
    """Parts that are given in Python.

    Attributes:
        features: a module, or None for those of the settings.
        strategy: function from the pool to a strategy, or None for the model of the settings.
        training: arguments of its ``fit``.
        transform: function from a sample to the input of a network, or None for features.
    """

    features: nn.Module | None = None
    strategy: Factory | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    transform: Callable[[Any], Any] | None = None


class Parts:
    """Parts of a project.

    Args:
        folder: folder of the project.
        settings: its settings, written here if they are new.
        samples: its samples.
        given: parts that are given in Python.
    """

    def __init__(self, folder: Path, settings: Settings, samples: Source, given: Given) -> None:
        self.folder, self.samples, self._given = folder, samples, given
        self._results = Results(folder)
        opening.check_labels(folder, self._results)
        before = opening.content(folder / SAMPLES)
        self._catalog, changes = Catalog.read(folder / SAMPLES).scan(samples)
        self.settings = opening.written(folder, settings)
        self.changes: Changes = changes
        self.ledger = Ledger(folder / opening.LABELS)
        self.ledger.agree("owner", "project")  # its answers may all be about files that are gone
        opening.follow(self.ledger, changes, before)
        self._write_catalog()
        self._weights = Weights(folder)
        self._fitted = -1  # place in the ledger of the last fit

    def _write_catalog(self) -> None:
        """Write the catalog; processes that open the project at the same time do so in turn."""
        with self.ledger.transaction():
            self._catalog.write(self.folder / SAMPLES)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their numbers and keys."""
        return list(self.settings.classes)

    @cached_property
    def features(self) -> Features:
        """Features of the samples, computed once with a progress bar, and kept on disk."""
        name, names = self.settings.features.name, self.settings.features.names
        wanted: Any = self._given.features or name
        if wanted == opening.IN_PYTHON:
            raise ProjectError(f"{self.folder} has features of a module: pass features= again.")
        if isinstance(wanted, str) and wanted.endswith(opening.FILES):
            wanted = place(self.folder, wanted)
        found = compute(
            self.samples,
            self._catalog,
            self.folder,
            wanted,
            names=None if names is None else place(self.folder, names),
            seed=self.settings.asking.seed,
        )
        if found.problems:
            self._catalog = self._catalog.with_problems(found.problems)
            self._write_catalog()
        return found

    def _notes(self) -> list[str]:
        """Advice about the features, which are not computed for it."""
        features: Features | None = self.__dict__.get("features")
        if features is None:
            is_pixels = self.samples.kind == "image" and self._given.features is None
            return [NOTE] if is_pixels and self.settings.features.name in (None, PIXELS) else []
        lost = features.missing
        more = f"{len(lost):,} samples have no features in {features.name}, such as "
        more = f"{more}{lost[0]}, or of another content: they are not asked about." if lost else ""
        return [self._weights.problem, features.note, more]

    @property
    def pool(self) -> ActiveLearningDataset:
        """The samples and their labels. Its items are features, or with a network its inputs."""
        self._answers.sync()
        return self._asking.pool

    @property
    def strategy(self) -> ActiveLearner:
        """The strategy that trains and chooses."""
        return self._asking.strategy

    @cached_property
    def _asking(self) -> Asking:
        given, settings, names = self._given, self.settings, self.features.names
        strategy, training, transform = given.strategy, given.training, given.transform
        options: Mapping[str, Any] = {}
        seed, rows = settings.asking.seed, scaled(self.features.rows)
        if strategy is None:
            if settings.model.name == opening.IN_PYTHON:
                raise ProjectError(f"{self.folder} has a strategy in Python: pass strategy= again.")
            strategy, training = named(settings.model, seed, rows)
            transform = transform_of(settings.model)
            options = {} if strategy else settings.model.options
        data = Rows(rows) if transform is None else Inputs(self.samples, names, transform)
        pool = ActiveLearningDataset(data, names=names, classes=self.classes, ledger=self.ledger)
        asking = Asking(
            pool, rows, AuditOrder(names, seed), strategy=strategy, training=training,
            options=options, share=settings.asking.audit, seed=seed,
        )  # fmt: skip
        self._weights.restore(asking.strategy)
        return asking

    @cached_property
    def _answers(self) -> Answers:
        answers = Answers(self.ledger, self._asking, self.folder / ROUNDS)
        answers.sync()
        return answers

    def _trained(self) -> Asking:
        """The asking, with a model of today's labels; a network is not trained again for them."""
        self._answers.sync()
        asking, new = self._asking, self._fitted != self._answers.seen
        if new and (isinstance(asking.strategy.module, Estimator) or not asking.strategy.trained):
            self._fit()
        return asking

    def _query(self, n: int, exclude: Any = None, *, audit: bool = True) -> Query:
        """The next samples, saved in a file of their own, which people may fill in."""
        self._trained()
        query = self._answers.query(n, exclude, audit=audit)
        if len(query):
            first = self.folder / ROUNDS / f"round_{query.round:03d}.csv"
            others = (first.with_stem(f"{first.stem}_{k}") for k in count(2))
            with self.ledger.transaction():  # other processes, which may query now, wait
                query.save(next(path for path in chain([first], others) if not path.exists()))
        return query

    def _record(self, found: Assessment) -> Assessment:
        """Keep the result of a training; other processes, which may keep theirs now, wait."""
        with self.ledger.transaction():
            self._results.add(self._asking, found)
        return found

    def _fit(self) -> None:
        """Train on all labels that are in the pool."""
        self._asking.fit()
        self._fitted = self._answers.seen
        self._weights.keep(self._asking.strategy)
