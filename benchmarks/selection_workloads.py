"""Workloads of ``selection.py``: their sizes, inputs, objectives and machine limits.

Features are the output of a random ReLU layer on a mixture of Gaussians in 32 dimensions with a
decaying spectrum. They are sparse and have a low intrinsic dimension, like those of a network.
Probabilities are a softmax of a linear map of the same 32 values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from selection_information import information
from torch import Tensor

WIDTH = 1.0  # width of MaxHerding's kernel exp(-(d / WIDTH)^2), on rows of norm one
SPREAD = 0.5  # deviation of the posterior samples' heads from a shared head of deviation 2
RADIUS = 0.5  # radius of ProbCover's balls, on rows of norm one
LLOYD = 10  # passes of k-means assumed by the limits


@dataclass(frozen=True)
class Size:
    """Sizes of a problem: ``n`` of ``N`` candidates, ``A`` annotated; 0 marks an unused axis."""

    N: int
    n: int
    D: int = 0
    C: int = 0
    A: int = 0
    K: int = 0

    def within(self, other: Size) -> bool:
        """Return True if no number is larger than in the other size."""
        return all(a <= b for a, b in zip(astuple(self), astuple(other), strict=True))

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in asdict(self).items() if value)


@dataclass(frozen=True)
class Arrays:
    """Inputs of a workload; the last ``annotated`` rows of ``rows`` are annotated."""

    rows: np.ndarray  # (N + A, D)
    probabilities: np.ndarray  # (N, C), or (N, K, C)
    annotated: int

    @property
    def pool(self) -> np.ndarray:
        """Features ``(N, D)`` of the candidates."""
        return self.rows[: len(self.rows) - self.annotated]

    @classmethod
    def make(cls, size: Size, seed: int = 0, folder: Path | None = None) -> Arrays:
        """Float32 arrays in memory, or float16 ones in the files of a folder."""

        def empty(name: str, *shape: int) -> np.ndarray:
            if folder is None:
                return np.empty(shape, np.float32)
            return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float16, shape)

        rng = np.random.default_rng(seed)
        latent, spectrum = 32, 1 / np.sqrt(np.arange(1, 33))
        centers = rng.standard_normal((50, latent)) * spectrum * 2
        layer = rng.standard_normal((latent, size.D)) / np.sqrt(latent)
        head = rng.standard_normal((latent, size.C)) * 2
        shape = (size.K, size.C) if size.K else (size.C,)
        if size.K:  # one head for each posterior sample
            head = head[:, None] + SPREAD * rng.standard_normal((latent, *shape))
        total = size.N + size.A
        rows = empty("rows", total, size.D)
        probabilities = empty("probabilities", size.N, *shape)
        for start in range(0, total, 20_000):
            stop = min(start + 20_000, total)
            z = centers[rng.integers(50, size=stop - start)]
            z = z + rng.standard_normal(z.shape) * spectrum
            rows[start:stop] = np.maximum(z @ layer + 0.1, 0)
            logits = np.tensordot(z, head, 1)[: max(0, size.N - start)]
            logits -= logits.max(-1, keepdims=True) if size.C else 0
            p = np.exp(logits)
            probabilities[start : min(stop, size.N)] = p / p.sum(-1, keepdims=True)
        return cls(rows, probabilities, size.A)

    def unit(self) -> Arrays:
        """Copy with rows of norm one."""
        norms = np.linalg.norm(self.rows, axis=1, keepdims=True)
        return Arrays(self.rows / np.maximum(norms, 1e-12), self.probabilities, self.annotated)

    def save(self, folder: Path) -> None:
        np.save(folder / "rows.npy", self.rows)
        np.save(folder / "probabilities.npy", self.probabilities)

    @classmethod
    def load(cls, folder: Path, annotated: int) -> Arrays:
        return cls(np.load(folder / "rows.npy"), np.load(folder / "probabilities.npy"), annotated)


def squared_distances(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> Tensor:
    """Squared distances ``(N, M)`` of the row-wise outer products of the factors, by GEMMs."""
    inner, left, right = torch.ones(()), torch.ones(()), torch.ones(())
    for x, y in zip(a, b, strict=True):
        inner, left, right = inner * (x @ y.T), left * (x * x).sum(1), right * (y * y).sum(1)
    return (left[:, None] + right - 2 * inner).clamp(min=0)


def gradient_factors(arrays: Arrays) -> tuple[Tensor, Tensor]:
    """Gradient embedding as two matrices: ``p - onehot(argmax p)`` and the features."""
    p = torch.from_numpy(arrays.probabilities)
    residual = p - torch.nn.functional.one_hot(p.argmax(1), p.shape[1])
    return residual, torch.from_numpy(arrays.pool)


def nearest(factors: tuple[Tensor, ...], centers: tuple[Tensor, ...]) -> Tensor:
    """Squared distance ``(N,)`` of each row to the nearest center, in blocks."""
    blocks = zip(*(factor.split(4096) for factor in factors), strict=True)
    return torch.cat([squared_distances(block, centers).amin(1) for block in blocks])


def _to_picks(arrays: Arrays, picks: np.ndarray) -> Tensor:
    pool = torch.from_numpy(arrays.pool)
    return nearest((pool,), (pool[picks],))


def _radius(arrays: Arrays, picks: np.ndarray) -> float:
    rows, N = torch.from_numpy(arrays.rows), len(arrays.pool)
    centers = torch.cat([rows[N:], rows[torch.from_numpy(np.asarray(picks))]])
    return float(nearest((rows[:N],), (centers,)).max().sqrt())


def _potential(arrays: Arrays, picks: np.ndarray) -> float:
    factors = gradient_factors(arrays)
    return float(nearest(factors, tuple(factor[picks] for factor in factors)).mean())


def _margin(arrays: Arrays, picks: np.ndarray) -> float:
    top = np.sort(arrays.probabilities[picks], 1)
    return float((top[:, -1] - top[:, -2]).mean())


def _certainty(arrays: Arrays, picks: np.ndarray) -> float:
    return float(arrays.probabilities[picks].max(1).mean())


def _entropy(arrays: Arrays, picks: np.ndarray) -> float:
    p = arrays.probabilities[picks].astype(np.float64)
    return float(-(p * np.log(np.maximum(p, 1e-300))).sum(1).mean())


@dataclass(frozen=True)
class Workload:
    """One row group of the table.

    Args:
        sizes: Sizes of the published record.
        small: Sizes for a quick try.
        objective: Value that the picks should make small (or large: see ``higher``).
        work: Bytes read and multiply-adds that every implementation needs.
        unit: True for rows of norm one.
        picks_compared: True if all methods have the same right answer, but for ties and rounding.
        grows: Values of N at which the growth of alkit's cost is measured.
    """

    sizes: tuple[Size, ...]
    small: tuple[Size, ...]
    objective: Callable[[Arrays, np.ndarray], float]
    work: Callable[[Size], tuple[float, float]]
    higher: bool = False
    unit: bool = False
    picks_compared: bool = True
    grows: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def _once(s: Size) -> tuple[float, float]:
    return 4.0 * s.N * s.C, 0.0


def _all_pairs(s: Size) -> tuple[float, float]:
    return 4.0 * s.N * s.D, float(s.N) * s.N * s.D


def _lloyd(s: Size) -> tuple[float, float]:
    return 4.0 * s.N * s.D, float(LLOYD) * s.N * s.n * s.D


_TOP = {
    "sizes": (Size(1_000_000, 1000, C=10), Size(250_000, 1000, C=1000)),
    "small": (Size(5000, 100, C=10), Size(2000, 100, C=1000)),
    "work": _once,
}
_POOLS = {
    "sizes": (Size(10_000, 100, D=512), Size(60_000, 100, D=512)),
    "small": (Size(2000, 50, D=64),),
}

WORKLOADS: dict[str, Workload] = {
    "margin": Workload(objective=_margin, **_TOP),
    "least confidence": Workload(objective=_certainty, **_TOP),
    "entropy": Workload(objective=_entropy, higher=True, **_TOP),
    "k-center": Workload(
        sizes=tuple(Size(N, n, D=512, A=n) for N in (60_000, 250_000) for n in (100, 1000)),
        small=(Size(3000, 50, D=64, A=100),),
        objective=_radius,
        work=lambda s: (4.0 * (s.N + s.A) * s.D, float(s.N) * (s.n + s.A) * s.D),
    ),
    "BADGE": Workload(
        sizes=tuple(Size(60_000, n, D=512, C=C) for C in (10, 100) for n in (100, 1000)),
        small=(Size(3000, 50, D=64, C=10),),
        objective=_potential,
        work=lambda s: (4.0 * s.N * (s.D + s.C), float(s.N) * s.n * (s.D + s.C)),
        picks_compared=False,
    ),
    "BatchBALD": Workload(
        sizes=(Size(2000, 10, C=10, K=20),)
        + tuple(Size(10_000, n, C=10, K=K) for K in (20, 100) for n in (5, 10)),
        small=(Size(1000, 5, C=4, K=10),),
        objective=lambda a, p: information(a.probabilities[p]),
        work=lambda s: (4.0 * s.N * s.K * s.C, 0.0),
        higher=True,
        grows=(10_000, 30_000, 100_000),
    ),
    "k-means medoids": Workload(
        objective=lambda a, p: float(_to_picks(a, p).mean()),
        work=_lloyd,
        picks_compared=False,
        **_POOLS,
    ),
    "TypiClust": Workload(
        objective=lambda a, p: float(_to_picks(a, p).mean()),
        work=lambda s: (4.0 * s.N * s.D, _lloyd(s)[1] + float(s.N) * s.N / s.n * s.D),
        unit=True,
        picks_compared=False,
        **_POOLS,
    ),
    "ProbCover": Workload(
        objective=lambda a, p: float((_to_picks(a, p) <= RADIUS**2).float().mean()),
        work=_all_pairs,
        higher=True,
        unit=True,
        **_POOLS,
    ),
    "MaxHerding": Workload(
        objective=lambda a, p: float(_to_picks(a, p).div(-(WIDTH**2)).exp().mean()),
        work=_all_pairs,
        higher=True,
        unit=True,
        **_POOLS,
    ),
    "facility location": Workload(
        objective=lambda a, p: float((1 - _to_picks(a, p) / 2).mean()),
        work=_all_pairs,
        higher=True,
        unit=True,
        **_POOLS,
    ),
}
