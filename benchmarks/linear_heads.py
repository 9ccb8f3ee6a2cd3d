"""The setting of practice: a linear head on frozen features, asked 20 times for a few labels.

The protocol is that of REFINE (Huseljic et al. 2026): the first labels are random and as many as
one query asks for, 20 queries follow, and a linear layer is trained from scratch on frozen features
after each. Its encoders, such as DINOv2, are not available offline. These are (``encoders.py``):
wordllama for the questions of TREC, and patches clustered by k-means for CIFAR-10 and blood cells,
fitted once to the images of the whole set, without labels. Queries of 10 labels, about the number
of classes, as in the paper, and of 50. The head is a logistic regression. Features have variance
.1, which sets its penalty: with random labels that is better than 1 on TREC and CIFAR-10, and worse
by less than .01 on blood cells. 5,000 samples (3,258 blood cells), and 3,000, 1,984 or 1,628 to
test. All arms of a seed share the split and the first labels.

The arms, the gain and its ruler are those of ``auto.py``. "bait" is that of REFINE, with binary
information. "refine, 9" makes 9 batches in each of its 5 passes, one per method; with the paper's
100, "refine", a query takes 4 to 10 s, and only ``--all`` adds it.

    pip install --no-deps wordllama==0.4.0.post1    # 19 MB; or --settings patches
    pip install safetensors tokenizers
    python benchmarks/linear_heads.py

Each finished trial adds a line to ``results/linear_heads.jsonl``. You can stop it at any time; run
the command again and it resumes. Exits with 1 unless the mean gain of auto is above 0, its worst
setting is not below the worst of the ruler, and it is nowhere below -.005 where the ruler is within
.005.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from auto import ARMS as ARMS_OF_AUTO
from auto import Arm, asked, judged, recorded
from auto_settings import Setting, whole
from auto_table import RULER, STREAMS, Row, by_group, gains_of
from encoders import patches, wordllama, wordllama_files
from torch import nn

import alkit as al
from alkit.project.defaults import scaled

ROUNDS = 20
VARIANCE = 0.1
RECORD = Path(__file__).parent / "results" / "linear_heads.jsonl"


class Encoded(Setting):
    """A set, the encoder in the place of a model, and the labels per query as the budget."""

    @property
    def group(self) -> str:
        return str(self)

    @property
    def frozen(self) -> bool:
        return True

    @property
    def sizes(self) -> tuple[int, int]:
        return int(self.budget), int(self.budget)

    @property
    def rounds(self) -> int:
        return ROUNDS

    def features(self) -> np.ndarray:
        return encoded(self.data, self.model)


SETTINGS = {
    str(setting): setting
    for setting in (
        Encoded("TREC", "wordllama", "10"),
        Encoded("TREC", "wordllama", "50"),
        Encoded("CIFAR-10", "patches", "10"),
        Encoded("CIFAR-10", "patches", "50"),
        Encoded("blood cells", "patches", "10"),
    )
}


def bait(classifier: nn.Module, pool: al.ActiveLearningDataset, **options: Any) -> al.Strategy:
    return al.Strategy(classifier, pool, None, al.selectors.BAIT(pca=None, binary=True), **options)


SAME = (*STREAMS, RULER, "auto", "badge", "typiclust", "margin", "tcm", "expected error", "refine")
ARMS: dict[str, Arm] = {
    **{name: ARMS_OF_AUTO[name] for name in SAME},
    "bait": Arm(bait, head=True),
    "refine, 9": Arm(partial(al.papers.refine, batches=9), "space", head=True),
}


@lru_cache
def encoded(data: str, encoder: str) -> np.ndarray:
    """Features of all samples of a set, which the encoder is fitted to without labels."""
    x, _ = whole(data)
    if encoder == "wordllama":
        rows = wordllama(x.tolist())
    else:
        images = x.reshape(len(x), -1).astype(np.float32) / 255
        rows = patches(channels=x.shape[1]).fit_transform(images)
    return scaled(rows) * np.float32(VARIANCE**0.5)


def curves(rows: Iterable[Row]) -> Iterator[str]:
    """Lines with the mean accuracy of random labels in some rounds of each setting."""
    yield f"Accuracy of random labels after 0, {ROUNDS // 4}, {ROUNDS // 2} and {ROUNDS} queries"
    random = [row for row in rows if row["arm"] in STREAMS]
    for name in dict.fromkeys(row["setting"] for row in random):
        mean = np.mean([row["accuracy"] for row in random if row["setting"] == name], 0)
        some = mean[[0, ROUNDS // 4, ROUNDS // 2, ROUNDS]]
        yield f"{name:26s}" + "".join(f"{value:8.3f}" for value in some)


def main(argv: list[str] | None = None) -> int:
    torch.set_num_threads(1)
    trials, args = asked(argv, (__doc__ or "").split("\n")[0], SETTINGS, ARMS, RECORD)
    if any(trial.setting.model == "wordllama" for trial in trials):
        wordllama_files()
    rows = recorded(trials, SETTINGS, args.out, args.jobs)
    gains = gains_of(rows)
    print("\n".join([*by_group(rows, gains, {name: [name] for name in SETTINGS}), ""]))
    print("\n".join([*curves(rows), ""]))
    return judged(gains, 0.0)


if __name__ == "__main__":
    sys.exit(main())
