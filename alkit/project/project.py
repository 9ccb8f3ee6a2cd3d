"""Project: a folder in which people label, and what a model learns from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from torch import nn

from alkit.atomic import as_path
from alkit.errors import ProjectError
from alkit.loop import RoundRecord
from alkit.loop.reasons import Stop
from alkit.oracles.votes import Settled, settle
from alkit.pool import Query
from alkit.pool.ledger import Entry
from alkit.pool.taking import Taken
from alkit.project import opening
from alkit.project.asking import Factory
from alkit.project.assessment import Assessment, assess
from alkit.project.export import write
from alkit.project.labeling import Labeling
from alkit.project.parts import Given, Parts
from alkit.project.sources import source_of
from alkit.project.status import Status, status
from alkit.project.teams import Teams


class Project(Labeling, Teams, Parts):
    """Folder in which people label samples, chosen by a model that learns meanwhile.

        project = al.Project("trash", images="photos/", classes=["glass", "paper", "metal"])
        project.label(50)                        # a page, or a widget in a notebook
        project.train()
        print(project)                           # 50 labeled of 2,000; accuracy about 0.71 (...)
        project.export("labels.csv")

    ``Project("trash")`` opens it again, after any interruption: each answer is on the disk before
    it is acknowledged. Samples are known by name (their relative path) and content: files that are
    moved or renamed keep their labels.

    Args:
        folder: folder of the project. It is created at the first time, with ``project.toml``, which
            keeps these arguments and can be edited.
        images: folder of images, read with its subfolders.
        texts: ``.csv`` file with a column of texts, or ``.txt`` file with one text per line.
        embeddings: ``.npy`` file ``(N, D)``, together with ``names``.
        dataset: any map-style dataset; its labels are not read.
        render: function from an input of ``dataset`` to an image, a text or the path of a sound.
        names: file with the name of each embedding; the column of the names of texts; or names
            ``(N,)`` of the samples of ``dataset``.
        column: column of the texts, if it is not ``text``.
        classes: names of the classes, in the order of their keys on the page.
        features: ``"pixels"``, ``"tfidf"``, a network of torchvision by name, such as
            ``"resnet18"``, any module, a saved one, or a ``.npy`` file. Default: by the kind of
            samples.
        strategy: a function from the pool to a built strategy, which then trains and chooses.
            Default: logistic regression on the features, see ``default_strategy``.
        training: arguments of its ``fit``, such as ``{"max_epochs": 10}``.
        transform: function from a sample (PIL image, text, ``(D,)`` or item) to the input of a
            network. The items of ``pool`` are then these inputs instead of features.
        seed: seed of a new project. Default: a fresh one.

    Attributes:
        folder: the folder.
        settings: the settings in ``project.toml``.
        changes: the samples that differ from those of the last opening; print it.
        ledger: the answers of people on disk.

    Raises:
        ProjectError: the folder is not a project and cannot become one, or the arguments differ
            from its settings.
        FolderError: the folder cannot be written.
        LedgerError: the answers cannot be read.

    Cost: at the first time, hashes of all files; then, of those of another size or time.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        texts: str | os.PathLike[str] | None = None,
        embeddings: str | os.PathLike[str] | None = None,
        dataset: Any = None,
        render: Callable[[Any], Any] | None = None,
        names: Any = None,
        column: str | None = None,
        classes: Sequence[str] | None = None,
        features: str | os.PathLike[str] | nn.Module | None = None,
        strategy: Factory | None = None,
        training: Mapping[str, Any] | None = None,
        transform: Callable[[Any], Any] | None = None,
        seed: int | None = None,
    ) -> None:
        folder = as_path(folder)
        data = {"images": images, "texts": texts, "embeddings": embeddings, "dataset": dataset}
        if render is not None and dataset is None:
            raise ProjectError("render= shows the samples of a dataset: pass dataset= too.")
        if strategy is None and (training is not None or transform is not None):
            raise ProjectError("training= and transform= belong to a strategy: pass strategy= too.")
        if strategy is not None and not callable(strategy):
            raise ProjectError(f"strategy must be a function from the pool, got {strategy!r:.100}.")
        own = None if strategy is None else opening.IN_PYTHON
        settings = opening.settled(
            folder, data=data, names=names, classes=classes, features=features, model=own,
            column=column, seed=seed,
        )  # fmt: skip
        samples = source_of(settings.data, folder, dataset, render, names)
        module = features if isinstance(features, nn.Module) else None
        given = Given(module, strategy, dict(training or {}), transform)
        super().__init__(folder, settings, samples, given)

    # --- labeling without the page ------------------------------------------------------------

    def query(self, n: int, *, exclude: Any = None) -> Query:
        """Choose samples to label, most wanted first; it is saved in the folder ``rounds``.

        Args:
            n: number of samples; fewer if fewer are left.
            exclude: open queries, names or indices that are not chosen this time.

        Returns:
            The query. Its names are those of the samples, and its scores, guesses and reason those
            of ``query.save``.
        """
        return self._query(n, exclude)

    def annotate(
        self,
        samples: Query | Sequence[str] | Sequence[int] | str | os.PathLike[str],
        labels: Sequence[Any] | None = None,
        *,
        who: str = "",
    ) -> Taken | np.ndarray:
        """Take the labels of samples, or of the good rows of a file.

        Args:
            samples: a query, names or indices; or the path of a file that ``Query.save`` wrote and
                people filled in, or of one with the columns ``name`` and ``label``.
            labels: one class per sample, by name or number; None leaves a sample as it is.
            who: name of the person.

        Returns:
            The indices of the samples; of a file, what was taken of it: print it.

        Raises:
            LabelError: a label is not a class, or their number is wrong; nothing is taken.
            AnnotationError: a sample has a label already; nothing is taken.
        """
        return self._answers.take(samples, labels, who, self.settings.asking.votes)

    def exclude(self, samples: Any, reason: str) -> np.ndarray:
        """Leave samples out for a reason, such as ``"unsure"`` or ``"broken"``."""
        ids = self.pool.exclude(samples, reason)
        self._answers.sync()
        return ids

    def restore(self, names: Sequence[str]) -> list[Entry]:
        """Bring back the labels of files whose content was replaced; see ``changes``."""
        entries = opening.restore(self.ledger, names)
        if "_answers" in self.__dict__:
            self._answers.sync()
        return entries

    def settle(self, rule: Literal["majority", "dawid-skene"] = "majority") -> Settled:
        """Settle the samples on which people still disagree after they have seen them again.

        Args:
            rule: ``"majority"``, or ``"dawid-skene"``, which weighs people by their errors.

        Returns:
            The settled samples and those that stay open, as ties.
        """
        settled = settle(self.ledger, rule, wanted=self.settings.asking.votes)
        self._answers.sync()
        return settled

    # --- the model ----------------------------------------------------------------------------

    def train(self, *, stop: Stop | Sequence[Stop] | None = None) -> Assessment:
        """Train on all labels, and assess the model; the record is kept in the folder.

        Args:
            stop: one or several criteria of ``alkit.loop.stopping``, by which the advice is to
                stop. Default: ``StablePredictions()``.

        Returns:
            The accuracy with its interval, whether choosing helps, and advice: print it.
        """
        self._answers.sync()
        self._fit()
        return self._record(assess(self._asking, stop=stop))

    @property
    def records(self) -> list[RoundRecord]:
        """One record per training, as a loop returns them."""
        return self._results.records

    def predictions(self) -> dict[str, tuple[str, float]]:
        """Class and probability, by the model, of each sample without an answer.

        Raises:
            ProjectError: there are no labels of two classes yet.
        """
        asking = self._trained()
        if not asking.strategy.trained:
            raise ProjectError("the model needs labels of two classes: label more samples.")
        ids = asking.pool.unannotated_indices
        numbers, sure = asking.guesses(ids) if len(ids) else ([], [])
        names = self.features.names
        return {
            names[i]: (self.classes[int(k)], float(p))
            for i, k, p in zip(ids, numbers, sure, strict=True)
        }

    # --- status and files ---------------------------------------------------------------------

    def status(self) -> Status:
        """Labels, people, accuracy, and whether it is worth going on."""
        notes = self._notes()
        return status(self.settings, self._catalog, self.ledger, self._results, notes)

    def export(self, path: str | os.PathLike[str], *, predictions: bool = False) -> int:
        """Write the labels to a CSV, JSON or Parquet file, and return the number of rows.

        Args:
            path: path of the file. ``project.ledger.export`` writes all entries instead.
            predictions: True to add the model's prediction of each sample without an answer.

        Raises:
            ConfigurationError: the suffix of the path is another one.
            FolderError: the file cannot be written; an older one is unchanged.
        """
        found = self.predictions() if predictions else {}
        return write(as_path(path), self.ledger.current().values(), found)

    def close(self) -> None:
        """Close the files of the project; the next use opens them again."""
        self._stop_learner()
        self.ledger.close()

    def __str__(self) -> str:
        return self.status().line

    def __repr__(self) -> str:
        return f"Project({str(self.folder)!r})"
