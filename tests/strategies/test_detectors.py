"""A detector of torchvision in the user's own LightningModule, on photographs of blood cells."""

import os
from io import BytesIO
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.transforms.functional import to_tensor

import alkit as al
from alkit.strategies import box_disagreement, class_weighted_sum, one_versus_two

DATA = Path(os.environ.get("ALKIT_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "tasks" / "bccd_detection.npz"

pytestmark = [
    pytest.mark.skipif(not FILE.exists(), reason=f"needs {FILE}"),
    pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning"),
]


class Cells(Dataset):
    """The first images, with the boxes and classes of their cells; 0 is the background."""

    def __init__(self, n):
        self.n, self.file = n, np.load(FILE)

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        ends = self.file["offset"][k : k + 2]
        jpeg = Image.open(BytesIO(self.file["jpeg"][slice(*ends)].tobytes()))
        own = self.file["owner"] == k
        target = {
            "boxes": torch.from_numpy(self.file["boxes"][own]).float(),
            "labels": torch.from_numpy(self.file["labels"][own]).long() + 1,
        }
        return to_tensor(jpeg.convert("RGB")), target


class Detector(L.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        options = {"num_classes": 4, "min_size": 48, "max_size": 64, "box_score_thresh": 0.05}
        options |= {"rpn_post_nms_top_n_test": 20, "rpn_post_nms_top_n_train": 20}
        self.net = fasterrcnn_mobilenet_v3_large_320_fpn(
            weights=None, weights_backbone=None, **options
        )

    def forward(self, images, targets=None):
        return self.net(images, targets)

    def training_step(self, batch, batch_idx):
        return sum(self(*batch).values())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def collate(items):
    images, targets = zip(*items)
    return list(images), list(targets)


def learner_of(make, module, *arguments, **options):
    pool = al.ActiveLearningDataset(Cells(6))
    pool.annotate([0, 1])
    options |= {"loader": {"collate_fn": collate}, "batch_size": 2, "seed": 0}
    return make(module, pool, *arguments, **options)


def test_a_round_with_an_unmodified_detector():
    learner = learner_of(one_versus_two, Detector())
    before = learner.module.net.roi_heads.box_predictor.cls_score.weight.clone()
    learner.fit(max_steps=1, enable_progress_bar=False)
    assert not before.equal(learner.module.net.roi_heads.box_predictor.cls_score.weight)
    query = learner.query_and_update(2)
    assert query.why.startswith("TopK() of sum over boxes of (Margin() * Margin())")
    with torch.no_grad():
        scores = {
            k: ((1 - (2 * found["scores"] - 1).abs()) ** 2).sum()
            for k in range(2, 6)
            for found in learner.module.eval()([Cells(6)[k][0]])
        }
    expected = sorted(scores.values(), reverse=True)[:2]
    assert query.scores == pytest.approx([float(score) for score in expected], rel=1e-3)
    learner.fit(max_steps=1, enable_progress_bar=False)
    assert learner.train_pool.get_num_annotated() == 4
    assert len(learner.query(2)) == 2


def test_the_boxes_of_a_class_are_weighted_by_the_annotated_cells():
    learner = learner_of(class_weighted_sum, Detector(), 4)
    counts = np.bincount(np.concatenate([Cells(2)[k][1]["labels"] for k in range(2)]), minlength=4)
    bound = learner.criterion.at(learner.context)
    assert bound.criterion.parts[1].counts == counts.tolist()
    assert len(learner.query(2)) == 2


def test_dropout_in_its_head_gives_boxes_that_disagree():
    module = Detector()
    heads = module.net.roi_heads
    heads.box_head = nn.Sequential(heads.box_head, nn.Dropout(0.3))
    learner = learner_of(box_disagreement, module, samples=3)
    query = learner.query(2)
    assert min(query.scores) > 0
    (prediction, *_) = learner.predictions(learner.train_pool, [2, 3])
    assert prediction.outputs.shape[1:] == (3, 1)
    assert (prediction.sizes > 0).all()
