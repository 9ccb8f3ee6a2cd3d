"""Active learning of a detector: blood cells in photographs, by a Faster R-CNN of torchvision.

The detector is the user's own LightningModule, unchanged but for a dropout in its head. The default
one is small, five convolutions as its backbone, and sees a cut of 96 x 96 pixels of each image at
half its size: 50 ms per step of 8 images on an idle core. Each arm starts from the same images, and
goes on from its weights in each round. The test measures the mean average precision (mAP) at an
overlap of one half over the three classes, on images that no arm trains on; it is that of
torchmetrics within .002, without its pycocotools. Images with many boxes cost more to label, so the
boxes are counted, too.

Hard images are planted in a second part: a tenth of the pool shows four images at half their size,
as another magnification does. Each arm queries once, with the detector that the start images have
trained, as many images as are planted, so that chance finds a tenth of them.

    python benchmarks/detection.py --out benchmarks/results/detection.json

The record is a run of the defaults, 337 s on a busy core. Share of planted images in the picks, by
seed: uniform .18 and .11; 1 versus 2 as a sum .43 and .61, weighted by class .46 and .64, as a mean
.14 and .29; least confident box .25 and .14; number of objects 0 and .04; box disagreement .11 and
.07. So the sums find them. Images of another brightness, focus or stain were found less often, or
not at all: a detector that sees no box there has nothing to be uncertain about.

No arm is ahead in mAP, which is .480 with 10 images; with 50: uniform .555, 1 versus 2 as a sum
.541, least confident box .534, number of objects .530, averages of two seeds that are .035 apart.
The latter and the sum also take 10 % to 15 % more boxes to draw.

``--detector mobilenet`` is ``fasterrcnn_mobilenet_v3_large_320_fpn`` from scratch, at 2 s per step.
``results/detection_mobilenet.json`` (149 s, an older version of this file) shows only that all arms
run: after three steps all images have nearly the same boxes. Not run yet, on a GPU:

    python benchmarks/detection.py --detector mobilenet --cut 0 --pixels 320 --steps 500 --rounds 8

BCCD is read from ``ALKIT_DATA``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from io import BytesIO
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign, box_iou
from torchvision.transforms import functional

import alkit as al

Target = dict[str, Tensor]
CLASSES = 4  # with the background
ARMS: dict[str, Callable[..., al.Strategy]] = {
    "uniform": lambda net, pool, **more: al.UniformStrategy(net, pool, outputs="detection", **more),
    "least confident box": al.strategies.least_confident_box,
    "1 versus 2, sum": al.strategies.one_versus_two,
    "number of objects": al.strategies.number_of_objects,
    "weighted by class": lambda net, pool, **more: al.strategies.class_weighted_sum(
        net, pool, CLASSES, **more
    ),
    "1 versus 2, mean": lambda *parts, **more: al.strategies.one_versus_two(
        *parts, reduce="mean", **more
    ),
    "box disagreement": lambda *parts, **more: al.strategies.box_disagreement(
        *parts, samples=5, **more
    ),
}


class Cells(Dataset):
    """Images of some splits, with the boxes and labels of their cells; 0 is the background.

    Args:
        file: BCCD.
        splits: names of the splits.
        most: number of images.
        cut: size of the square that is cut out of the middle of an image of half its size; a cell
            of which less than half remains has no box. 0 for whole images.
    """

    def __init__(self, file: Path, splits: Sequence[str], most: int, cut: int) -> None:
        held = np.load(file)
        self.items = []
        for k in np.flatnonzero(np.isin(held["split"], splits))[:most]:
            start, end = held["offset"][k : k + 2]
            own = held["owner"] == k
            boxes = torch.from_numpy(held["boxes"][own]).float()
            labels = torch.from_numpy(held["labels"][own]).long() + 1
            image = Image.open(BytesIO(held["jpeg"][start:end].tobytes())).convert("RGB")
            if cut:
                width, height = image.width // 2, image.height // 2
                left, top = (width - cut) // 2, (height - cut) // 2
                image = image.resize((width, height)).crop((left, top, left + cut, top + cut))
                whole = boxes / 2 - torch.tensor([left, top, left, top])
                boxes = whole.clamp(0, cut)
                kept = area(boxes) >= 0.5 * area(whole)
                boxes, labels = boxes[kept], labels[kept]
            self.items.append((functional.to_tensor(image), {"boxes": boxes, "labels": labels}))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int) -> tuple[Tensor, Target]:
        return self.items[k]

    def planted(self, places: Sequence[int]) -> Cells:
        """A copy in which some images show four images at half their size."""
        copied, size = copy(self), self.items[0][0].shape[-1] // 2
        copied.items = self.items.copy()
        for place in places:
            four = [self.items[(place + 7 * k) % len(self)] for k in range(4)]
            image = [functional.resize(image, [size, size]) for image, _ in four]
            image = torch.cat([torch.cat(image[:2], 1), torch.cat(image[2:], 1)], 2)
            shifts = size * torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]).repeat(1, 2)
            boxes = [y["boxes"] / 2 + shift for (_, y), shift in zip(four, shifts, strict=True)]
            labels = torch.cat([y["labels"] for _, y in four])
            copied.items[place] = (image, {"boxes": torch.cat(boxes), "labels": labels})
        return copied


def area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def mobilenet(pixels: int) -> nn.Module:
    net = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=CLASSES,
        min_size=pixels,
        max_size=2 * pixels,
        box_score_thresh=0.05,
    )
    heads: Any = net.roi_heads
    heads.box_head = nn.Sequential(heads.box_head, nn.Dropout(0.2))
    return net


def small(pixels: int) -> nn.Module:
    """Faster R-CNN with five convolutions, 330,000 weights."""

    def convolution(ins: int, outs: int, stride: int) -> nn.Module:
        layer = nn.Conv2d(ins, outs, 3, stride, 1, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(outs), nn.ReLU())

    widths = [(3, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
    backbone: Any = nn.Sequential(*(convolution(*width) for width in widths))
    backbone.out_channels = 64
    return FasterRCNN(
        backbone,
        min_size=pixels,
        max_size=2 * pixels,
        rpn_anchor_generator=AnchorGenerator(((10, 24, 44),), ((1.0,),)),
        rpn_pre_nms_top_n_train=200,
        rpn_pre_nms_top_n_test=100,
        rpn_post_nms_top_n_train=60,
        rpn_post_nms_top_n_test=40,
        rpn_batch_size_per_image=64,
        box_roi_pool=MultiScaleRoIAlign(["0"], 5, 2),
        box_head=nn.Sequential(TwoMLPHead(64 * 25, 128), nn.Dropout(0.2)),
        box_predictor=FastRCNNPredictor(128, CLASSES),
        box_batch_size_per_image=32,
        box_detections_per_img=30,
        box_nms_thresh=0.4,
    )


DETECTORS = {"small": (small, 1e-3), "mobilenet": (mobilenet, 2e-4)}  # and the learning rate


class Detector(L.LightningModule):
    """Faster R-CNN as its users train it, with a dropout in the head."""

    def __init__(self, name: str, pixels: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        make, self.rate = DETECTORS[name]
        self.net = make(pixels)

    def forward(self, images: list[Tensor], targets: list[Target] | None = None) -> Any:
        return self.net(images, targets)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return sum(self(*batch).values())  # type: ignore[return-value]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.rate)


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


def arm(
    name: str, seed: int, data: Cells, args: argparse.Namespace, weights: Any = None
) -> al.Strategy:
    """An arm with its own detector, and a pool with the start images, those of the seed."""
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(args.start, seed=seed)
    options = {"loader": {"collate_fn": collate}, "batch_size": args.batch_size, "seed": seed}
    strategy = ARMS[name](Detector(args.detector, args.pixels, seed), pool, **options)
    if weights is not None:
        strategy.module.load_state_dict(weights)
    return strategy


def fitted(strategy: al.Strategy, test: Cells, args: argparse.Namespace) -> dict[str, Any]:
    """Fit the detector, and measure it."""
    started, pool = time.perf_counter(), strategy.train_pool
    strategy.fit(max_steps=args.steps, enable_progress_bar=False)
    seconds = round(time.perf_counter() - started, 2)
    labels = np.concatenate([label["labels"] for label in pool.labels_of(pool.annotated_indices)])
    return {
        "images": pool.get_num_annotated(),
        "boxes": len(labels),
        "rare boxes": int((labels > 1).sum()),
        "map50": round(mean_precision(strategy.module, test), 4),
        "seconds_fit": seconds,
    }


def rounds(strategy: al.Strategy, test: Cells, args: argparse.Namespace) -> Iterator[dict]:
    """One record per round of an arm after the start."""
    for number in range(1, args.rounds + 1):
        asked = time.perf_counter()
        query = strategy.query_and_update(args.query)
        seconds = round(time.perf_counter() - asked, 2)
        known = {"round": number, "seconds_query": seconds, "why": query.why}
        yield known | fitted(strategy, test, args)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Active learning of a detector.")
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    parser.add_argument("--detector", choices=DETECTORS, default="small")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS)[:4])
    parser.add_argument("--cut", type=int, default=96, help="square of half the size; 0: whole")
    parser.add_argument("--pixels", type=int, default=96, help="height that the detector sees")
    parser.add_argument("--pool", type=int, default=292, help="images of the pool")
    parser.add_argument("--test", type=int, default=72, help="images of the test")
    parser.add_argument("--start", type=int, default=10, help="images annotated at the start")
    parser.add_argument("--query", type=int, default=20, help="images per query")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100, help="gradient steps per round")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    file = Path(args.data_dir) / "tasks" / "bccd_detection.npz"
    train = Cells(file, ["train", "val"], args.pool, args.cut)
    test = Cells(file, ["test"], args.test, args.cut)
    started, shares, records = time.perf_counter(), [], []

    def keep(found: list[dict], name: str, seed: int, record: dict) -> None:
        found.append({"arm": name, "seed": seed, **record})
        print(json.dumps(found[-1]), flush=True)

    for seed in range(args.seeds):
        first = arm("uniform", seed, train, args)
        keep(records, "start", seed, fitted(first, test, args))
        weights, others = first.module.state_dict(), first.train_pool.unannotated_indices
        places = np.random.default_rng(seed).permutation(others)[: len(others) // 10].tolist()
        for name in ARMS:
            query = arm(name, seed, train.planted(places), args, weights).query(len(places))
            share = float(np.isin(query.indices, places).mean())
            keep(shares, name, seed, {"planted": len(places), "share": round(share, 3)})
        for name in args.arms:
            for record in rounds(arm(name, seed, train, args, weights), test, args):
                keep(records, name, seed, record)
        settings = {k: v for k, v in vars(args).items() if k not in ("data_dir", "out")}
        seconds = round(time.perf_counter() - started, 1)
        result = {"settings": settings | {"seeds": seed + 1}, "seconds": seconds}
        if args.out:
            result |= {"torch": torch.__version__, "planted": shares, "records": records}
            args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
