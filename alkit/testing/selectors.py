"""Laws of a selector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.selectors import Candidates, Picks, Selector, as_selector
from alkit.selectors.fixed import fixed_needs
from alkit.testing.candidates import candidates_of, examples_for, with_enough_samples, with_fixed
from alkit.testing.laws import broken, contents, global_random_state_kept, run
from alkit.testing.order import check_by_score, check_not_reversed, check_order_of_equals

SEEDS = 200  # number of seeds for tests of probabilities


def check_selector(selector: Selector | Callable[..., Any]) -> None:
    """Check a selector against the laws, on valid but unusual candidates.

    A selector returns exactly ``min(n, N)`` distinct positions, for n from 1 to beyond N. Its picks
    are repeatable from the generator alone, and have the same ids whatever the order of the
    candidates. They come most wanted first: by descending score where the scores alone decide, not
    in reverse, and not sorted by position. It reads only what ``needs`` names, and reads each need
    but the scores. The generator breaks ties, with equal probabilities. If it returns
    probabilities, they are those with which it picks. It changes neither its input nor global
    random state.

    Candidates are distinct, tied, duplicates of each other or of annotated samples, or a single
    one; with and without annotated samples; in float16, float32 and float64, and with gaps in
    memory. Scores are not negative, outputs ``(N, K, 3)``, features ``(N, 2)``, ids below 100;
    labels and a head are available. The distance between picks is not checked, since not every
    selector compares candidates: test it separately.

    Args:
        selector: instance, or function ``(candidates, n, generator)`` whose attribute ``needs``
            names what it reads besides the scores.

    Raises:
        LawError: a broken law; the error states the law, the candidates, the result and its
            consequence.
    """
    selector = as_selector(selector)
    for on, candidates in examples_for(selector):
        total = len(candidates)
        for n in sorted({1, 3, total - 1, total, total + 3} - {0}):
            _check_call(selector, f"n = {n} of {on}", candidates, n)
        _check_what_does_not_matter(selector, f"n = 3 of {on}", candidates)
    _check_ties(selector)
    _check_probabilities(selector)
    examples = list(examples_for(selector))
    if "scores" in selector.needs:
        check_by_score(selector, _pick, lambda scores: replace(examples[0][1], scores=scores))
    check_not_reversed(selector, _pick, examples[:2])
    _check_needs(selector, [candidates for _, candidates in examples])


def _pick(selector: Selector, on: str, candidates: Candidates, n: int, seed: int = 7) -> Picks:
    return run(selector, on, lambda: selector(candidates, n, Generator().manual_seed(seed)))


def _check_call(selector: Selector, on: str, candidates: Candidates, n: int) -> None:
    before = _held(candidates)
    with global_random_state_kept(selector, on):
        picks = _pick(selector, on, candidates, n)
        now = _held(candidates)
        if changed := [name for name, value in before.items() if not value.equal(now[name])]:
            means = "it works in place, and corrupts what is read after it."
            broken(
                "its input is left unchanged", selector, on, f"changed {', '.join(changed)}", means
            )
        again = _pick(selector, on, candidates, n)
    number = min(n, len(candidates))
    positions = picks.positions if isinstance(picks, Picks) else torch.zeros(0)
    if positions.dtype != torch.long or positions.shape != (number,):
        positions = positions[:0]
    if len(positions.unique()) != number:
        law = "exactly min(n, N) distinct positions, as Picks of a long tensor"
        came = f"{picks}, where {number} picks are expected"
        broken(law, selector, on, came, "part of the budget would be lost.")
    if not _same(picks, again):
        law, came = "the same generator gives the same picks", f"{picks} and then {again}"
        broken(law, selector, on, came, "it uses random numbers that no seed controls.")


def _held(candidates: Candidates) -> dict[str, Tensor]:
    """Copies of all tensors of the candidates."""
    ours, theirs = candidates.prediction, candidates.annotated
    held = {} if ours is None else contents(ours)
    for name, tensor in (("scores", candidates.scores), ("labels", candidates.labels)):
        if tensor is not None:
            held[name] = tensor.clone()
    if theirs is not None:
        held |= {f"annotated {name}": value for name, value in contents(theirs).items()}
    return held


def _same(a: Picks, b: Picks) -> bool:
    p, q = a.probabilities, b.probabilities
    if not a.positions.equal(b.positions) or (p is None) != (q is None):
        return False
    return p is None or q is None or torch.allclose(p, q)


def _check_what_does_not_matter(selector: Selector, on: str, candidates: Candidates) -> None:
    picks = _pick(selector, on, candidates, 3)
    law, means = "it reads no more than its needs name", "a strategy computes only what these name."
    limited = f"when limited to {', '.join(sorted(map(str, selector.needs))) or 'nothing'}"
    try:
        fewer = selector(candidates.only(selector.needs), 3, Generator().manual_seed(7))
    except Exception as error:
        broken(law, selector, on, f"{type(error).__name__} {limited}: {error}", means)
    if not _same(fewer, picks):
        broken(law, selector, on, f"other picks {limited}", means)
    order = torch.randperm(len(candidates), generator=Generator().manual_seed(3))
    turned = _pick(selector, on, candidates[order], 3)
    if not _same(Picks(order[turned.positions], turned.probabilities), picks):
        law = "the order of the candidates does not matter"
        came = f"{picks}, and {turned} at the positions {order.tolist()} of these"
        broken(law, selector, on, came, "the annotated samples would depend on the loader.")


def _check_ties(selector: Selector) -> None:
    """Check ties: each equal candidate is picked 100 times on average, with a deviation of 7."""
    candidates, counts = candidates_of(torch.ones(6), torch.ones(6, 2)), torch.zeros(6)
    candidates = with_fixed(candidates, selector)
    candidates = with_enough_samples(candidates) if selector.disagreement else candidates
    on = f"n = 3 of {len(candidates)} equal candidates, {SEEDS} seeds"
    picked = [_pick(selector, on, candidates, 3, seed).positions for seed in range(SEEDS)]
    for positions in picked:
        counts[positions] += 1
    if ((counts - SEEDS / 2).abs() > SEEDS / 4).any():
        law = "ties are broken by the generator"
        came = f"picked {counts.int().tolist()} times, where each is equally likely"
        broken(law, selector, on, came, "the order of the dataset decides what is annotated.")
    check_order_of_equals(selector, on, picked)


def _check_probabilities(selector: Selector) -> None:
    """Check the probability of the first pick, the same for every seed, and of the last pick."""
    on, candidates = next(iter(examples_for(selector)))
    law, total = "probabilities are those with which it picks", len(candidates)
    last = _pick(selector, on, candidates, total).probabilities
    if last is None or _pick(selector, on, candidates, 1).probabilities is None:
        return
    if not 1 - 1e-6 < last[-1] <= 1:
        means = (
            "the last candidate left has probability 1: these are not probabilities among the rest."
        )
        broken(law, selector, f"n = {total} of {on}", f"{last}", means)
    counts, chances = torch.zeros(total), torch.zeros(total)
    for seed in range(SEEDS):
        picks = _pick(selector, on, candidates, 1, seed)
        counts[picks.positions] += 1
        if picks.probabilities is not None:
            chances[picks.positions] = picks.probabilities.float()
    expected = SEEDS * chances
    if ((counts - expected).abs() > 2 + 5 * (expected * (1 - chances)).sqrt()).any():
        came = f"picked {counts.int().tolist()} times of {SEEDS}, where {expected} are expected"
        broken(law, selector, f"n = 1 of {on}", came, "estimates that use them would be biased.")


# attribute of Candidates -> the needs that a read of it uses
READS = {
    "prediction": {"outputs", "features"}, "features": {"features"}, "probabilities": {"outputs"},
    "annotated": {"annotated"}, "num_annotated": {"annotated", "labels"}, "labels": {"labels"},
    "head": {"head"},
}  # fmt: skip


def _check_needs(selector: Selector, examples: list[Candidates]) -> None:
    """Check that each need but the scores, which are the default, is read on some example."""
    read: set[Any] = set()
    fixed = fixed_needs(selector.needs)
    reads = {**READS, "fixed": {*fixed, "annotated"} if fixed else set()}

    class Watched(Candidates):
        def __getattribute__(self, name: str) -> Any:
            if name == "__class__":
                return Candidates  # so that dataclasses.replace makes one that is not watched
            read.update(reads.get(name, ()))
            return super().__getattribute__(name)

    names = [field.name for field in fields(Candidates)]
    watched = [Watched(*(getattr(example, name) for name in names)) for example in examples]
    read.clear()
    for candidates in watched:
        n, generator = min(3, len(candidates)), Generator().manual_seed(7)
        run(selector, "candidates", partial(selector.select, candidates, n, generator))
    if unread := selector.needs - read - {"scores"}:
        law, came = (
            "it reads what its needs name",
            f"no read of {', '.join(sorted(map(str, unread)))}",
        )
        means = "a strategy computes this before each query, in vain: use it, or do not name it."
        broken(law, selector, "all candidates of this check", came, means)
