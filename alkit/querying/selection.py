"""Selection from plain arrays, without a model, a pool or a Trainer: ``al.select``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import Dataset

from alkit.criteria import Context, Criterion
from alkit.errors import ConfigurationError, PredictionError
from alkit.features.given import rows_of
from alkit.pool import ActiveLearningDataset, Query
from alkit.pool.checks import check_round
from alkit.pool.trace import SecondLook, drawn, see
from alkit.prediction import Prediction, held_by
from alkit.progress import showing, watching
from alkit.querying.acquisition import Acquisition
from alkit.querying.arrays import Arrays, names_of, numbers_of_labels
from alkit.querying.fixed import of_arrays
from alkit.querying.samples import check_pool, pool_of
from alkit.seeds import check_seed, derive, generator
from alkit.selectors import Candidates, Given, Selector, TopK, as_selector
from alkit.selectors.fixed import fixed_needs
from alkit.selectors.labels import gives_values

Rows = ArrayLike | Tensor | Sequence[str] | str | PathLike[str]


def select(
    n: int | None = None,
    *,
    probabilities: ArrayLike | Tensor | None = None,
    embeddings: ArrayLike | Tensor | None = None,
    scores: ArrayLike | Tensor | None = None,
    prediction: Prediction | None = None,
    inputs: Dataset | ArrayLike | Tensor | Sequence[Any] | None = None,
    annotated: Rows = (),
    among: Rows | None = None,
    total: int | None = None,
    names: Sequence[str] | None = None,
    labels: ArrayLike | Tensor | None = None,
    head: Callable[[Tensor], Tensor] | None = None,
    criterion: Criterion | Callable[[Prediction], Tensor] | None = None,
    selector: Selector | Callable[..., Any] | None = None,
    round: int = 0,
    seed: int | None = None,
    progress: bool = True,
    candidates: Rows | None = None,
) -> Query:
    """Select ``n`` rows of plain arrays to annotate; no model, pool or Trainer is needed.

        query = al.select(20, probabilities=p)                                 # margin
        query = al.select(20, embeddings=e, annotated=known, selector=al.KCenter())
        query = al.select(20, scores=s, embeddings=e, selector=al.Coral())     # any task
        query = al.select(20, embeddings=e, names=files, selector=al.KCenter()).names
        query = al.select(20, inputs=images, selector=al.KCenter(al.Inputs()))

    Arrays are numpy arrays, torch tensors (any device) or nested lists; computation stays on the
    device of the input. Strategies run the same code.

    An array holds all N rows, or the rows that are not annotated alone, or the candidates alone
    (the rows of ``among`` that are not annotated), in ascending order of their row numbers. The
    number of rows decides which. N is the number of names, else that of the longest array, so pass
    names, or another array of all rows, with arrays of a part. Where it is not clear which rows an
    array has, it is an error. Rows that are neither candidates nor needed by the selector are not
    checked: what they hold (zeros, NaN) does not matter.

    Args:
        n: number of new rows, returned most wanted first.
        probabilities: ``(N, C)`` class probabilities, or ``(N, K, C)`` of K posterior samples.
        embeddings: ``(N, D)`` features.
        scores: ``(N,)`` ready-made scores of any task, higher is wanted sooner; instead of a
            criterion.
        prediction: outputs of another kind (logits, values) instead of probabilities and
            embeddings; its ids are ignored.
        inputs: the samples, for a selector with ``space=Inputs()`` or ``Frozen(encoder)``: an
            array, tensor or list of texts, a map-style dataset, whose labels are left out, or a
            pool, whose annotated samples are those of ``annotated``. The features of a dataset or
            pool are kept for later calls, as in ``pool.features``; those of an array are not.
        annotated: row numbers that are annotated already; they are never chosen. Also names out of
            ``names``, or the path of a file, all rows of which count: a CSV file from
            ``Query.save`` or with a column ``name`` or ``id``, a JSON list, or names, one per line
            (``.txt``).
        among: rows to choose from, in the same forms as ``annotated``, which is left out of them.
            Default: all rows.
        total: number of rows wanted in total, the annotated ones included; instead of ``n``.
        names: names of the N rows, such as file names; ``query.names`` are those of the picks.
        labels: class numbers of the annotated rows, in their order, or the values of a regression;
            few selectors use them.
        head: function from features ``(M, D)`` to logits ``(M, C)``; few selectors use it.
        criterion: score of each row. Default: ``Margin()``, if the selector uses scores.
        selector: choice of a batch. Default: ``TopK()``.
        round: round number, for weights that change by round.
        seed: seed of the random choices and of ties. Default: one from torch's generator, which is
            not advanced.
        progress: False to show no bar of a selection that takes longer than two seconds.
        candidates: former name of ``among``.

    Returns:
        A Query: array-like of the new row numbers, with names, scores, guesses, probabilities of
        the picks and the shares of the criterion's terms, where these exist.

    Raises:
        QuerySizeError: n is not an integer of at least 1, or exceeds the rows that remain; the
            annotated rows are ``total`` already.
        SampleIndexError: annotated rows or those of ``among`` are out of range, repeated, or
            unknown.
        PredictionError, NonFiniteError: the arrays are not a prediction; rows are named.
        ConfigurationError: arguments that exclude each other, or a seed, round or names of another
            type.

    Cost: that of the criterion and the selector. No array is copied, except the rows of the
    candidates where these are not consecutive; those of a memory map are copied to a temporary
    file. Features in half precision are converted block by block.
    """
    if among is not None and candidates is not None:
        raise ConfigurationError("candidates= is the former name of among=: give among= alone.")
    pool = None if inputs is None else pool_of(inputs)
    spaces = fixed_needs(as_selector(TopK() if selector is None else selector).needs)
    more = {repr(each): len(rows_of(each)) for each in spaces if isinstance(each, Given)}
    arrays = Arrays.of(
        more=more if pool is None else {"inputs": len(pool), **more},
        probabilities=probabilities,
        embeddings=embeddings,
        scores=scores,
        prediction=prediction,
        names=pool.names if names is None and pool is not None else names,
        annotated=annotated,
        among=candidates if among is None else among,
    )
    if isinstance(inputs, ActiveLearningDataset):
        check_pool(inputs, arrays.rows)
    values = gives_values(prediction)
    known = numbers_of_labels(labels, len(arrays.rows.annotated), values=values)
    size = arrays.rows.size(n, total)
    context = Context(check_round(round), None if seed is None else check_seed(seed))
    if scores is not None and criterion is not None:
        raise ConfigurationError("give scores or a criterion, not both: scores are used as given.")
    acquisition = Acquisition(_Given() if scores is not None else criterion, selector).at(context)
    needs = acquisition.selector.needs
    scored = "scores" in needs and scores is None
    ours, columns = arrays.of_candidates(unread=scored), []
    if "scores" in needs and scores is not None:
        columns = [arrays.scores_on(ours)]
    elif scored:
        ours = _predicted(ours, acquisition)
        try:
            columns = acquisition.criterion.term_scores(ours)
        finally:
            ours.check()
    final, ids = acquisition.combined(columns), arrays.rows.numbers if ours is None else ours.ids
    held = final if ours is None else held_by(ours)
    rows = Candidates(
        scores=final,
        prediction=ours,
        annotated=arrays.of_annotated(needs),
        labels=known,
        head=head,
        ids=ids,
        fixed=of_arrays(
            arrays.rows, pool, needs, torch.device("cpu") if held is None else held.device
        ),
    )
    with showing(progress), watching("selection"):
        picks = acquisition.selector(rows, size, generator(context.seed, "select", round))
    watched = derive(context.seed, "doctor", round)
    again = None if ours is None else SecondLook(see(ours, picks.positions[drawn(size, watched)]))
    return acquisition.query(
        rows,
        picks,
        columns,
        None if ours is None else see(ours, drawn(len(ours), watched)),
        bare=None if ours is None or ours.owners is None else ours.sizes == 0,
        round=round,
        names=names_of(arrays.rows.names, rows.ids.cpu()[picks.positions]),
        guesses=_guesses(ours, picks.positions),
        look_again=None if again is None else lambda: again,
    )


class _Given(Criterion):
    """Scores that came ready-made, as part of a formula."""

    scores_rows = False

    def __repr__(self) -> str:
        return "scores"


def _predicted(prediction: Prediction | None, acquisition: Acquisition) -> Prediction:
    if prediction is None:
        raise PredictionError(
            f"{acquisition!r} needs scores: pass probabilities=, scores= or prediction=. With row "
            "numbers or names alone, use selector=al.Random()."
        )
    return prediction


def _guesses(prediction: Prediction | None, positions: Tensor) -> Any:
    if prediction is None or prediction.outputs is None or prediction.owners is not None:
        return None
    return prediction[positions].guesses.cpu().numpy()
