"""Audit: samples in a uniform order that never changes, and the places of them in batches."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b

import numpy as np

from alkit.arguments import check_integer, check_number
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.seeds import check_seed, derive

Samples = Collection[int] | np.ndarray  # positions among the names


@dataclass(frozen=True, eq=False)
class AuditSet:
    """A uniform sample of a pool.

    Attributes:
        samples: ``(m,)`` positions of the labeled samples, in the order of the audit.
        passed_over: number of samples among them that were left out, as unsure or broken.
    """

    samples: np.ndarray
    passed_over: int


class AuditOrder:
    """A uniformly random order of samples, given by their names and a seed.

    The place of a sample is a hash of the seed and its name. So the order is the same in whatever
    order the samples come, a removed sample leaves the others in place, and a new one is inserted
    at a random place. Any first m samples of the order are a uniform sample without replacement.

    Args:
        names: ``(N,)`` names of the samples, distinct.
        seed: seed of the order.

    Raises:
        ConfigurationError: a name is not a text, or appears twice.

    Cost: O(N log N), about 0.2 s for 100,000 names.
    """

    def __init__(self, names: Sequence[str], seed: int) -> None:
        names, key = list(names), check_seed(seed).to_bytes(8, "big")
        wrong = [name for name in names if not isinstance(name, str)]
        if wrong:
            raise ConfigurationError(f"names must be texts, got {wrong[0]!r}.")
        if len(set(names)) < len(names):
            twice = next(name for k, name in enumerate(names) if name in names[:k])
            raise ConfigurationError(f"names must be distinct: {twice!r} appears twice.")

        def place(k: int) -> tuple[bytes, str]:
            text = names[k].encode("utf-8", "surrogatepass")
            return blake2b(text, key=key, digest_size=8).digest(), names[k]

        self.samples = np.array(sorted(range(len(names)), key=place), dtype=np.int64)
        """``(N,)`` positions among the names, in the order of the audit."""

    def __len__(self) -> int:
        return len(self.samples)

    def next(self, k: int, answered: Samples, leave_out: Samples = ()) -> np.ndarray:
        """The first ``k`` samples that are neither answered nor left out; fewer if none are left.

        Args:
            k: number of samples, at least 0.
            answered: samples with a label, or excluded.
            leave_out: samples that somebody is asked about now.
        """
        k = check_integer("k", k, 0)
        taken = self._mask(answered) | self._mask(leave_out)
        return self.samples[~taken[self.samples]][:k]

    def prefix(self, answered: Samples, excluded: Samples = ()) -> AuditSet:
        """The audit set: all samples of the order before the first one without an answer.

        Samples that were labeled for another reason count as well, so the set is a uniform sample.
        Excluded samples are passed over and counted: the set is uniform among the others.

        Args:
            answered: samples with a label.
            excluded: samples that were left out for a reason, such as "unsure" or "broken".
        """
        known, out = self._mask(answered), self._mask(excluded)
        done = (known | out)[self.samples]
        first = self.samples[: len(done) if done.all() else int(done.argmin())]
        labeled = first[~out[first]]
        return AuditSet(labeled, len(first) - len(labeled))

    def _mask(self, samples: Samples) -> np.ndarray:
        mask = np.zeros(len(self.samples), dtype=bool)
        rows = np.asarray(samples if isinstance(samples, np.ndarray) else list(samples))
        if not rows.size:
            return mask
        if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= len(mask):
            raise SampleIndexError(
                f"expected positions from 0 to {len(mask) - 1}, got {samples!r}."
            )
        mask[rows] = True
        return mask


class AuditShare:
    """Places of the audit samples among all answers: one at a random place of each block.

    With a share of 0.2, one of the answers 0 to 4 is for the audit, one of 5 to 9, and so on.

    Args:
        share: share of the answers, from 0 to 1.
        seed: seed of the places.

    Raises:
        ConfigurationError: the share is not a number from 0 to 1.
    """

    def __init__(self, share: float, seed: int) -> None:
        check_number("share", share, "a number from 0 to 1", lambda part: 0 <= part <= 1)
        self.share, self.seed = Fraction(share).limit_denominator(1000), check_seed(seed)

    def due(self, answers: int) -> int:
        """Number of audit samples among the first ``answers`` answers."""
        block = math.floor(answers * self.share)
        return block + (self.share > 0 and self._place(block) < answers)

    def places(self, n: int, answers: int, audits: int) -> list[int]:
        """Places in a batch of ``n`` that are for the audit, ascending, from 0 to n - 1.

        Args:
            n: size of the batch.
            answers: number of answers before the batch.
            audits: number of audit samples among these. If it is not the number that is due, the
                batch has more or fewer, at random places.
        """
        here = [t for t in range(n) if self.due(answers + t + 1) > self.due(answers + t)]
        owed = min(max(self.due(answers + n) - audits, 0), n) - len(here)
        others = [t for t in range(n) if t not in here]
        pick = here if owed < 0 else others
        draw = np.random.default_rng(derive(self.seed, "audit", answers))
        changed = draw.choice(pick, size=abs(owed), replace=False).tolist() if owed else []
        return sorted({*here} ^ {*changed})

    def _place(self, block: int) -> int:
        first, end = math.ceil(block / self.share), math.ceil((block + 1) / self.share)
        return first + derive(self.seed, "audit", "block", block) % (end - first)
