"""Active learning of a detector: blood cells in photographs, by torchvision's Faster R-CNN.

The detector, ``fasterrcnn_mobilenet_v3_large_320_fpn`` from scratch, is the user's own
LightningModule, unchanged but for a dropout in its head. Each arm starts from the same images, and
goes on from its weights in each round. The test measures the mean average precision at an overlap
of one half over the three classes, on images that no arm trains on. Images with many boxes cost
more to label, so the boxes are counted, too.

    python benchmarks/detection.py --out benchmarks/results/detection.json

The record is a run of the defaults, 149 s on a busy core. It shows that all arms run, and their
durations: a query of 12 images took 2 s, that of the disagreement of 5 samples 12.6 s. It compares
no methods. After three steps from scratch the detector returned nearly the same boxes for every
image, so that all candidates had the same score. The arms but uniform chose by chance, as ``why``
in the record states, and asked for the same images; a mean average precision of 0.002, then 0.008,
is that of an untrained detector. A comparison needs many more steps, on a GPU. Not run yet:

    python benchmarks/detection.py --pixels 320 --steps 500 --rounds 8 --pool 205 --test 72

BCCD is read from ``ALKIT_DATA``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.ops import box_iou
from torchvision.transforms.functional import to_tensor

import alkit as al

Target = dict[str, Tensor]
CLASSES = 4  # with the background
ARMS: dict[str, Callable[..., al.Strategy]] = {
    "uniform": lambda net, pool, **more: al.UniformStrategy(net, pool, outputs="detection", **more),
    "least confident box": al.strategies.least_confident_box,
    "1 versus 2, sum": al.strategies.one_versus_two,
    "1 versus 2, mean": lambda *parts, **more: al.strategies.one_versus_two(
        *parts, reduce="mean", **more
    ),
    "weighted by class": lambda net, pool, **more: al.strategies.class_weighted_sum(
        net, pool, CLASSES, **more
    ),
    "number of objects": al.strategies.number_of_objects,
    "box disagreement": lambda *parts, **more: al.strategies.box_disagreement(
        *parts, samples=5, **more
    ),
}


class Cells(Dataset):
    """Images of one split, with the boxes and labels of their cells; 0 is the background."""

    def __init__(self, file: Path, split: str, most: int) -> None:
        held = np.load(file)
        self.items = []
        for k in np.flatnonzero(held["split"] == split)[:most]:
            start, end = held["offset"][k : k + 2]
            own = held["owner"] == k
            boxes = torch.from_numpy(held["boxes"][own]).float()
            target = {"boxes": boxes, "labels": torch.from_numpy(held["labels"][own]).long() + 1}
            image = Image.open(BytesIO(held["jpeg"][start:end].tobytes())).convert("RGB")
            self.items.append((to_tensor(image), target))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int) -> tuple[Tensor, Target]:
        return self.items[k]


class Detector(L.LightningModule):
    """Faster R-CNN as its users train it, with a dropout in the head."""

    def __init__(self, pixels: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.net = fasterrcnn_mobilenet_v3_large_320_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES,
            min_size=pixels,
            max_size=2 * pixels,
            box_score_thresh=0.05,
        )
        heads: Any = self.net.roi_heads
        heads.box_head = nn.Sequential(heads.box_head, nn.Dropout(0.2))

    def forward(self, images: list[Tensor], targets: list[Target] | None = None) -> Any:
        return self.net(images, targets)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return sum(self(*batch).values())  # type: ignore[return-value]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=2e-4)


def collate(items: Sequence[tuple[Tensor, Target]]) -> tuple[list[Tensor], list[Target]]:
    images, targets = zip(*items, strict=True)
    return list(images), list(targets)


def average_precision(found: Sequence[Target], targets: Sequence[Target], label: int) -> float:
    """Area under precision over recall for one class, at an overlap of one half."""
    scores, hits, total = [], [], 0
    for each, target in zip(found, targets, strict=True):
        real = target["boxes"][target["labels"] == label]
        total += len(real)
        own = each["labels"] == label
        free = torch.ones(len(real), dtype=torch.bool)
        order = each["scores"][own].argsort(descending=True)
        for score, box in zip(each["scores"][own][order], each["boxes"][own][order], strict=True):
            overlap = box_iou(box[None], real)[0] * free if len(real) else torch.zeros(1)
            hits.append(bool(overlap.max() >= 0.5))
            scores.append(float(score))
            if hits[-1]:
                free[overlap.argmax()] = False
    if not total:
        return float("nan")
    ranked = np.array(hits, dtype=float)[np.argsort(scores, kind="stable")[::-1]]
    precision = ranked.cumsum() / np.arange(1, len(ranked) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * ranked).sum() / total)


@torch.no_grad()
def mean_precision(module: nn.Module, data: Cells) -> float:
    """Mean average precision over the three classes."""
    module.eval()
    device = next(module.parameters()).device
    items = [data[k] for k in range(len(data))]
    found = [module([image.to(device)])[0] for image, _ in items]
    found = [{name: part.cpu() for name, part in each.items()} for each in found]
    targets = [target for _, target in items]
    return float(np.nanmean([average_precision(found, targets, c) for c in range(1, CLASSES)]))


def rounds(name: str, seed: int, train: Cells, test: Cells, args: argparse.Namespace) -> list[dict]:
    """One record per round of an arm."""
    pool = al.ActiveLearningDataset(train)
    pool.annotate_random(args.start, seed=seed)
    options = {"loader": {"collate_fn": collate}, "batch_size": args.batch_size, "seed": seed}
    strategy = ARMS[name](Detector(args.pixels, seed), pool, **options)
    records = []
    for number in range(args.rounds + 1):
        started = time.perf_counter()
        strategy.fit(max_steps=args.steps, enable_progress_bar=False)
        fitted = time.perf_counter()
        labels = np.concatenate(
            [label["labels"] for label in pool.labels_of(pool.annotated_indices)]
        )
        record = {
            "arm": name,
            "seed": seed,
            "round": number,
            "images": pool.get_num_annotated(),
            "boxes": len(labels),
            "rare boxes": int((labels > 1).sum()),
            "map50": mean_precision(strategy.module, test),
            "seconds_fit": round(fitted - started, 2),
        }
        if number < args.rounds:
            asked = time.perf_counter()
            query = strategy.query_and_update(args.query)
            record |= {"seconds_query": round(time.perf_counter() - asked, 2), "why": query.why}
        records.append(record)
        print(json.dumps(record), flush=True)
    return records


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Active learning of a detector.")
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--pixels", type=int, default=96, help="height of the images")
    parser.add_argument("--pool", type=int, default=16, help="images of the pool")
    parser.add_argument("--test", type=int, default=8, help="images of the test")
    parser.add_argument("--start", type=int, default=4, help="images annotated at the start")
    parser.add_argument("--query", type=int, default=4, help="images per query")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3, help="gradient steps per round")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    file = Path(args.data_dir) / "tasks" / "bccd_detection.npz"
    train, test = Cells(file, "train", args.pool), Cells(file, "test", args.test)
    started = time.perf_counter()
    records = [
        record
        for seed in range(args.seeds)
        for name in args.arms
        for record in rounds(name, seed, train, test, args)
    ]
    settings = {
        name: value for name, value in vars(args).items() if name not in ("data_dir", "out")
    }
    seconds = round(time.perf_counter() - started, 1)
    result = {"settings": settings, "seconds": seconds, "torch": torch.__version__}
    if args.out:
        text = json.dumps({**result, "records": records}, indent=1)
        args.out.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
