"""Named papers for boxes, keypoints and tokens: by formula, and on planted hard samples."""

import inspect

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.criteria import Each, TopShare
from alkit.errors import ConfigurationError
from alkit.querying.heatmaps import positions
from alkit.strategies import papers_of_rows as papers

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")

WHY = {
    "box_disagreement": "max over boxes of BALD()",
    "class_weighted_sum": "sum over boxes of (Margin() * Margin() * ClassWeight(3))",
    "heatmap_spread": "mean over keypoints of Variance()",
    "least_confident_box": "max over boxes of LeastConfidence()",
    "mean_token_entropy": "mean over tokens of Entropy()",
    "mnlp": "mean over tokens of MinEntropy()",
    "multi_peak_entropy": "sum over keypoints of Entropy()",
    "number_of_objects": "sum over boxes of Constant(1)",
    "one_versus_two": "sum over boxes of (Margin() * Margin())",
    "total_token_entropy": "sum over tokens of Entropy()",
}
OF_BOXES = [name for name, why in WHY.items() if "boxes" in why]
ARGUMENTS = {"class_weighted_sum": (3,)}

N = 12
EASY = [(0.99, 1), (0.01, 2)]
"""Scores and labels of an image with a certain box and hardly another one."""


class Images(Dataset):
    """Images of one number, their own, with the boxes of their label."""

    def __init__(self, planted):
        self.planted = planted  # {image: [(score, label), ...]}

    def __len__(self):
        return N

    def __getitem__(self, k):
        found = self.planted.get(k, EASY)
        labels = torch.tensor([label for _, label in found], dtype=torch.long)
        corners = 20.0 * torch.arange(len(found))[:, None] + torch.tensor([0, 0, 10, 10])
        return torch.full((1,), float(k)), {"boxes": corners, "labels": labels}


class Detector(L.LightningModule):
    """A user's detector, in torchvision's form: lists of images, of any number of boxes."""

    def __init__(self, planted, unstable=()):
        super().__init__()
        self.planted, self.unstable = planted, unstable
        self.weight = nn.Parameter(torch.zeros(1))
        self.dropout = nn.Dropout(0.5)

    def forward(self, images, targets=None):
        if targets is not None:
            return {"loss": sum((len(each["labels"]) * self.weight).sum() for each in targets)}
        return [self.found(int(image)) for image in images]

    def found(self, k):
        found = self.planted.get(k, EASY)
        scores = torch.tensor([score for score, _ in found])
        kept = self.dropout(torch.ones(1, 8))[0, 0] > 0 or k not in self.unstable
        corners = 20.0 * torch.arange(len(found))[:, None] + torch.tensor([0, 0, 10, 10])
        labels = torch.tensor([label for _, label in found], dtype=torch.long)
        return {"boxes": corners, "scores": scores * float(kept), "labels": labels}

    def training_step(self, batch, batch_idx):
        images, targets = batch
        return self(images, targets)["loss"]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def collate(items):
    images, targets = zip(*items)
    return list(images), list(targets)


def asked(name, planted, n, *, annotated=(0, 1), unstable=(), **options):
    """The strategy of a paper on planted images, trained for a step, and its query."""
    pool = al.ActiveLearningDataset(Images(planted))
    pool.annotate(list(annotated))
    loader = {"collate_fn": collate}
    make, arguments = getattr(papers, name), ARGUMENTS.get(name, ())
    module = Detector(planted, unstable)
    strategy = make(module, pool, *arguments, loader=loader, batch_size=4, seed=0, **options)
    strategy.fit(max_steps=1, enable_progress_bar=False)
    return strategy.query(n)


def test_every_paper_is_tested_here():
    functions = [value for value in vars(papers).values() if inspect.isfunction(value)]
    own = {function.__name__ for function in functions if function.__module__ == papers.__name__}
    assert own == set(WHY) == set(papers.__all__) <= set(al.strategies.__all__)
    assert papers.__all__ == sorted(papers.__all__)


# --- boxes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_BOXES)
def test_the_planted_hard_image_is_chosen(name):
    planted = {
        "box_disagreement": {},
        "class_weighted_sum": {7: [(0.5, 2)], 3: [(0.5, 1)], 0: [(0.9, 1)] * 4},
        "least_confident_box": {7: [(0.5, 1)], 3: [(0.7, 1)] * 5},
        "number_of_objects": {7: [(0.9, 1)] * 4, 3: [(0.4, 1)] * 9, 5: [(0.6, 1)] * 2},
        "one_versus_two": {7: [(0.6, 1)] * 3, 3: [(0.5, 1)] * 1},
    }[name]
    query = asked(name, planted, 1, unstable=(7,))
    assert query.indices.tolist() == [7]
    assert query.why.startswith(f"TopK() of {WHY[name]}")
    empty = asked(name, {**planted, 7: []}, 1, unstable=(7, 8))
    assert empty.indices.tolist() != [7]


@pytest.mark.parametrize(
    ("reduce", "order"), [("sum", [3, 7, 5]), ("mean", [7, 5, 3]), ("max", [7, 5, 3])]
)
def test_one_versus_two_is_a_sum_a_mean_or_a_maximum(reduce, order):
    planted = {3: [(0.7, 1)] * 6, 7: [(0.5, 1)], 5: [(0.55, 2)]}
    query = asked("one_versus_two", planted, 3, reduce=reduce)
    assert query.indices.tolist() == order
    scores = {3: (0.6, 6), 7: (1.0, 1), 5: (0.9, 1)}
    expected = [scores[k][0] ** 2 * (scores[k][1] if reduce == "sum" else 1) for k in order]
    assert query.scores == pytest.approx(expected, rel=1e-5)


def test_other_reductions_of_boxes_are_those_of_each():
    query = asked("one_versus_two", {7: [(0.5, 1), (0.99, 1)]}, 1, reduce=TopShare(0.5))
    assert query.indices.tolist() == [7]
    assert "TopShare(0.5) over boxes" in query.why


def test_the_weight_of_a_class_follows_from_the_annotated_boxes():
    planted = {3: [(0.6, 1)], 7: [(0.6, 2)], 0: [(0.9, 1)] * 4, 1: [(0.9, 1)]}
    query = asked("class_weighted_sum", planted, 2)
    assert query.indices.tolist() == [7, 3]
    counts, margin = {1: 5, 2: 0}, 0.8**2
    expected = [margin * (5 + 3) / (counts[c] + 1) for c in (2, 1)]
    assert query.scores == pytest.approx(expected, rel=1e-5)
    other = asked("class_weighted_sum", {**planted, 0: [(0.9, 2)] * 9}, 2)
    assert other.indices.tolist() == [3, 7]


def test_the_number_of_objects_is_that_of_scores_from_the_threshold():
    planted = {3: [(0.9, 1)] * 2 + [(0.3, 2)] * 6, 7: [(0.6, 1)] * 4}
    assert asked("number_of_objects", planted, 2).scores.tolist() == [4, 2]
    low = asked("number_of_objects", planted, 2, threshold=0.2)
    assert low.indices.tolist() == [3, 7]
    assert low.scores.tolist() == [8, 4]


def test_the_disagreement_is_that_of_the_matched_boxes_of_dropout():
    query = asked("box_disagreement", {}, 2, unstable=(7, 4), samples=6)
    assert set(query.indices.tolist()) == {7, 4}
    pool = al.ActiveLearningDataset(Images({}))
    pool.annotate([0])
    strategy = papers.box_disagreement(
        Detector({}, (7,)), pool, samples=6, loader={"collate_fn": collate}, seed=0
    )
    (prediction,) = strategy.predictions(pool, [7])
    p = prediction.outputs[:, :, 0]
    assert p.shape == (2, 6)
    assert {round(score, 2) for score in p[0].tolist()} == {0, 0.99}
    assert len(set(p[1].tolist())) == 2
    scores = Each(al.BALD(), "max")(prediction)
    torch.testing.assert_close(strategy.criterion(prediction), scores)


def test_a_detector_without_dropout_has_no_disagreement():
    module = Detector({})
    module.dropout = nn.Identity()
    with pytest.raises(ConfigurationError, match="no dropout layer"):
        papers.box_disagreement(module, al.ActiveLearningDataset(Images({})), seed=0)


def test_outputs_may_be_read_by_the_user():
    def read(found):
        return al.Prediction.detection(found, 3, threshold=0.4)

    query = asked("one_versus_two", {7: [(0.5, 1)], 3: [(0.3, 1)] * 9}, 1, outputs=read)
    assert query.indices.tolist() == [7]
    assert query.scores.tolist() == [1]


# --- keypoints and tokens -----------------------------------------------------------------------

X = torch.zeros(N, 2, 8, 8)
X[:, :, 3, 3] = 9  # one sharp peak of each keypoint
X[5, :, 6, 6] = 9  # and another one
X[8] /= 20  # low and wide


@pytest.mark.parametrize(("name", "hard"), [("multi_peak_entropy", 5), ("heatmap_spread", 8)])
def test_the_keypoints_that_are_not_certain_are_chosen(name, hard):
    pool = al.ActiveLearningDataset(TensorDataset(X, torch.zeros(N, 2, 2)))
    query = getattr(papers, name)(nn.Conv2d(2, 2, 1), pool, seed=0).build().query(1)
    assert query.why.startswith(f"TopK() of {WHY[name]}")
    same = nn.Identity()
    query = getattr(papers, name)(same, pool, seed=0).build().query(2)
    assert query.indices[0] == hard


def test_a_spread_of_heights_that_are_no_logits_of_places_is_refused():
    pool = al.ActiveLearningDataset(TensorDataset(X, torch.zeros(N, 2, 4, 4)))
    pool.annotate([0])
    net = nn.Conv2d(2, 2, 1)
    for loss in (nn.MSELoss(), nn.BCEWithLogitsLoss()):
        name = type(loss).__name__
        with pytest.raises(ConfigurationError, match=f"{name} trains .* multi_peak_entropy"):
            papers.heatmap_spread(net, pool, loss=loss)
        papers.heatmap_spread(net, pool, loss=loss, outputs=lambda maps: positions(maps.log()))
        papers.multi_peak_entropy(net, pool, loss=loss)
    with pytest.raises(ConfigurationError, match="MSELoss trains"):
        papers.heatmap_spread(al.Regressor(net, nn.MSELoss()), pool)


T = torch.zeros(N, 4, 3)
T[:, :, 0] = 8
T[6] /= 10  # all tokens are uncertain
T[2, 0] = 0  # one token is uncertain


@pytest.mark.parametrize("name", ["mean_token_entropy", "total_token_entropy", "mnlp"])
def test_the_texts_with_uncertain_tokens_are_chosen(name):
    pool = al.ActiveLearningDataset(TensorDataset(T, torch.zeros(N, 4).long()))
    query = getattr(papers, name)(nn.Identity(), pool, seed=0).build().query(2)
    assert query.indices.tolist() == [6, 2]
    assert query.why.startswith(f"TopK() of {WHY[name]}")
    p = T[[6, 2]].softmax(-1)
    each = -p.amax(-1).log() if name == "mnlp" else torch.special.entr(p).sum(-1)
    expected = each.sum(1) if name == "total_token_entropy" else each.mean(1)
    assert query.scores == pytest.approx(expected.numpy(), rel=1e-5)
