"""Queries of models whose samples have several rows: pixels, tokens, boxes and keypoints."""

import gc

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.criteria import Count, Each, TopShare
from alkit.errors import ConfigurationError, ModelOutputError, PredictionError, SelectionWarning
from alkit.loop.stopping import StablePredictions
from alkit.querying.meaning import meaning_of
from alkit.querying.structures import pooled

X = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
MASKS = (X[:, :1] > 0).long()[:, 0] + 2 * (X[:, 1] > 1)
PARTS = (Each(al.Entropy(), TopShare(0.1)), Each(al.Margin(), "max"), al.LeastConfidence())

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")


def unet():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Dropout2d(0.3), nn.Conv2d(6, 4, 1)
    )


def pool_of(x=X, y=MASKS, n=4):
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    pool.annotate(range(n))
    return pool


def segmenter(criterion=None, selector=None, net=None, **options):
    options = {"outputs": "segmentation", "seed": 0, "batch_size": 5, **options}
    return al.Strategy(net or unet(), pool_of(), criterion, selector, **options).build()


class Foreign(L.LightningModule):
    """A user's module around any network."""

    def __init__(self, net, head=None):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        raise NotImplementedError

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


# --- pixels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 16, 32])
@pytest.mark.parametrize("criterion", PARTS, ids=repr)
def test_the_images_with_the_highest_scores_of_their_pixels_are_chosen(criterion, batch_size):
    strategy = segmenter(criterion, batch_size=batch_size)
    strategy.fit(max_steps=3, enable_progress_bar=False)
    query = strategy.query(5)
    with torch.no_grad():
        z = strategy.module.eval()(X[4:])
    scores = criterion(al.Prediction.segmentation(z))
    assert query.indices.tolist() == (4 + scores.argsort(descending=True)[:5]).tolist()
    assert query.scores == pytest.approx(scores.sort(descending=True).values[:5].numpy(), rel=1e-4)
    assert query.guesses is None


def test_a_query_names_its_pixels_and_is_saved_read_and_examined(tmp_path):
    strategy = segmenter(2 * al.Margin() + Each(al.Entropy(), "max"))
    strategy.fit(max_steps=3, enable_progress_bar=False)
    query = strategy.query_and_update(3)
    formula = "2 * (mean over pixels of Margin()) + (max over pixels of Entropy())"
    assert query.why == f"TopK() of {formula}"
    query.save(tmp_path / "query.csv")
    found = al.doctor(query)
    assert found["meaning of outputs"].says.startswith("logits of pixels, 4 columns, declared by")
    assert found["class skew"].verdict == "not seen"
    assert found["repeatable scores"].verdict != "warning"


def test_pixels_are_declared_by_the_call_the_module_or_a_function():
    expected = segmenter().query(4)

    class Dict(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = unet()

        def forward(self, x):
            return {"aux": x, "out": self.net(x)}

    module = Foreign(unet())
    module.task = "segmentation"
    wrapped = Foreign(Dict())
    for strategy in (
        segmenter(outputs=None, task="segmentation"),
        segmenter(outputs="logits", task="segmentation"),
        segmenter(outputs="segmentation", task="segmentation"),
        segmenter(outputs=al.Prediction.segmentation),
        segmenter(outputs=lambda z: al.Prediction.segmentation(z.softmax(1), kind="probabilities")),
        al.ActiveLearner(module, pool_of(), seed=0),
        al.ActiveLearner(wrapped, pool_of(), outputs="segmentation", seed=0),
    ):
        query = strategy.query(4)
        assert query.indices.tolist() == expected.indices.tolist()


@pytest.mark.parametrize("samples", [False, True])
def test_classes_in_the_last_axis_are_refused(samples):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = unet()

        def forward(self, x):
            return self.net(x).movedim(1, -1)

    net = al.MCDropout(Last(), 3) if samples else Last()
    with pytest.raises(ModelOutputError, match=r"\(N, H, W, C\).*\.movedim\(-1, 1\)"):
        segmenter(net=net).query(2)
    fine = segmenter(outputs=lambda z: al.Prediction.segmentation(z.movedim(-1, 1)), net=Last())
    assert list(fine.query(3)) == list(segmenter().query(3))
    segmenter(net=nn.Sequential(unet(), nn.AvgPool2d(2))).query(2)
    segmenter(net=nn.Conv2d(3, 8, 1)).query(2)  # as many classes as rows


def test_a_mask_may_come_from_the_input():
    def outside_is_left_out(z, x):
        return al.Prediction.segmentation(z, mask=x[:, 0] > 0)

    sizes = (X[:, 0] > 0).sum((1, 2))
    rows = Each(lambda p: torch.ones(len(p)), "sum")
    query = segmenter(rows, outputs=outside_is_left_out).query(3)
    assert query.scores.tolist() == sizes[query.indices].tolist()
    assert query.scores.tolist() == sizes[4:].sort(descending=True).values[:3].tolist()


def test_posterior_samples_of_pixels_come_from_dropout_and_ensembles():
    torch.manual_seed(0)
    for net in al.MCDropout(unet(), 5), al.Ensemble(al.Layer(unet_of_chance), 3):
        strategy = segmenter(Each(al.BALD(), "max"), net=net)
        query = strategy.query(4)
        with torch.no_grad():
            z = strategy.module.eval()(X[4:])
        assert z.shape[2:] == (4, 8, 8)
        scores = Each(al.BALD(), "max")(al.Prediction.segmentation(z, samples=True))
        assert query.indices.tolist() == (4 + scores.argsort(descending=True)[:4]).tolist()
    assert "20 posterior samples" in segmenter(al.BALD()).query(2).why


def unet_of_chance():
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 1))


@pytest.mark.parametrize(
    ("read", "criterion"),
    [
        (al.Prediction.segmentation, al.BALD()),
        (al.Prediction.segmentation, al.Margin()),
        (lambda maps: al.Prediction.segmentation(maps.permute(0, 1, 2, 4, 3)), al.Margin()),
    ],
)
def test_posterior_samples_are_never_read_as_columns(read, criterion):
    net = al.MCDropout(nn.Sequential(nn.Conv2d(3, 6, 1), nn.Dropout2d(), nn.Conv2d(6, 2, 1)), 4)
    strategy = segmenter(criterion, net=net, outputs=read)
    with pytest.raises(ConfigurationError, match=r"returned 4 posterior samples.*samples=True"):
        strategy.query(2)


def test_a_function_may_average_the_posterior_samples():
    net = al.MCDropout(nn.Sequential(nn.Conv2d(3, 6, 1), nn.Dropout2d(), nn.Conv2d(6, 2, 1)), 2)
    read = lambda maps: al.Prediction.segmentation(maps.mean(1))  # noqa: E731
    assert len(segmenter(al.Margin(), net=net, outputs=read).query(2)) == 2


def test_a_number_per_pixel_is_a_regression_of_rows():
    net = al.MCDropout(unet(), 4)
    strategy = segmenter(al.criteria.Variance(), net=net, outputs="values", task="segmentation")
    with torch.no_grad():
        y = strategy.module.eval()(X[4:])
    scores = y.double().var(1, correction=0).mean((1, 2, 3))
    query = strategy.query(3)
    assert query.indices.tolist() == (4 + scores.argsort(descending=True)[:3]).tolist()


@pytest.mark.parametrize(
    "selector",
    [
        al.Power(2),
        al.KCenter(),
        al.Prefilter(3, al.KCenter()),
        al.UncertaintyHerding(),
        al.Random(),
    ],
    ids=repr,
)
def test_selectors_of_scores_and_features_work_on_pixels(selector):
    query = segmenter(al.Margin(), selector).query(4)
    assert len(set(query)) == 4


@pytest.mark.parametrize(
    "selector",
    [
        al.KMeansPlusPlus(al.GradientEmbedding()),
        al.selectors.BAIT(),
        al.selectors.Falcun(),
        al.KCenter(al.selectors.Probabilities()),
    ],
    ids=repr,
)
def test_selectors_of_class_probabilities_refuse_pixels_with_the_remedy(selector):
    with pytest.raises(PredictionError, match=r"outputs are pixels.* KCenter\(\)"):
        segmenter(al.Margin(), selector).query(4)
    ours = al.Prediction.segmentation(torch.randn(6, 3, 2, 2))
    ours = al.Prediction(
        ours.outputs,
        ours.ids,
        features=torch.randn(6, 2),
        task="segmentation",
        owners=ours.owners,
    )
    with pytest.raises(PredictionError, match=r"outputs are pixels.* KCenter\(\)"):
        al.select(2, prediction=ours, selector=selector)


def test_arrays_of_pixels_are_selected_from_whole():
    ours = al.Prediction.segmentation(torch.randn(9, 3, 4, 4), ids=range(50, 59))
    query = al.select(3, prediction=ours, criterion=al.Entropy())
    assert set(query) == set(al.Entropy()(ours).topk(3).indices.tolist())


def test_arrays_of_pixels_are_selected_from_without_a_strategy():
    z = torch.randn(9, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    ours = al.Prediction.segmentation(z)
    query = al.select(3, prediction=ours, criterion=Each(al.Margin(), "max"), annotated=[0, 1])
    scores = Each(al.Margin(), "max")(ours)
    assert query.indices.tolist() == (2 + scores[2:].argsort(descending=True)[:3]).tolist()
    assert query.why == "TopK() of max over pixels of Margin()"
    query = al.select(3, prediction=ours, scores=scores)
    assert query.why == "TopK() of scores"


@pytest.mark.parametrize("samples", [False, True])
def test_the_first_image_and_all_picks_may_have_no_boxes(samples):
    def found(n):
        corners = 9 * torch.arange(n)[:, None] + torch.tensor([0, 0, 8, 8])
        each = {"scores": torch.full((n,), 0.7), "labels": torch.ones(n).long(), "boxes": corners}
        return [each, each] if samples else each

    boxes = al.Prediction.detection([found(0), found(2), found(0)], samples=samples)
    criterion = Each(al.BALD() if samples else al.Margin(), empty=2)
    assert sorted(al.select(2, prediction=boxes, criterion=criterion, seed=0)) == [0, 2]


def test_what_compares_classes_of_samples_refuses_pixels():
    assert (
        segmenter(acquisition=al.querying.Auto())
        .query(3)
        .why.startswith("MaxHerding(space=Inputs())")
    )
    with pytest.raises(ConfigurationError, match=r"compares predicted classes.* predicts pixels"):
        StablePredictions()([], segmenter())


def test_one_batch_of_rows_is_alive_at_a_time():
    class Living(nn.Module):
        """Notes the large tensors that are alive when a batch is predicted."""

        def __init__(self):
            super().__init__()
            self.net, self.alive = nn.Conv2d(3, 5, 1), []

        def forward(self, x):
            if x.shape[-1] == 96 and not self.training:
                found = [t for t in gc.get_objects() if type(t) is torch.Tensor]
                self.alive.append(sum(t.numel() >= 5 * 96 * 96 for t in found))
            return self.net(x)

    x = torch.zeros(12, 3, 96, 96)
    net = Living()
    options = {"outputs": "segmentation", "batch_size": 2, "seed": 0}
    strategy = al.Strategy(net, pool_of(x, x[:, 0].long()), al.Entropy(), **options).build()
    strategy.query(2)
    assert len(net.alive) == 4
    assert len(set(net.alive)) == 1


EVERY_FOURTH = torch.arange(20) % 4 == 0


def with_mask(maps, x):
    """Samples 4, 8, ... have no pixels that count."""
    empty = (x[:, None, 0, 0, 0] == X[EVERY_FOURTH, 0, 0, 0]).any(1)
    return al.Prediction.segmentation(maps, mask=~empty[:, None, None].expand(-1, 8, 8))


@pytest.mark.parametrize("criterion", [-al.Entropy(), Each(-1 * al.Margin(), "max")], ids=repr)
def test_picks_without_rows_are_reported_where_others_were_left(criterion):
    strategy = segmenter(criterion, outputs=with_mask)
    strategy.fit(max_steps=3, enable_progress_bar=False)
    with pytest.warns(SelectionWarning, match="3 of the 3 picks have no pixels"):
        query = strategy.query(3)
    assert EVERY_FOURTH[query.indices].all()
    assert "3 of the 3 picks have no pixels, and those of others were left" in query.why
    ours = al.Prediction.segmentation(torch.randn(4, 2, 2, 2), mask=EVERY_FOURTH[:4, None, None])
    with pytest.warns(SelectionWarning, match="2 of the 2 picks have no pixels"):
        al.select(2, prediction=ours, criterion=criterion)


def test_picks_without_rows_are_not_reported_where_they_are_last_or_wanted():
    for criterion, n in ((al.Entropy(), 3), (-al.Entropy(), 16), (Each(-al.Entropy(), empty=1), 3)):
        strategy = segmenter(criterion, outputs=with_mask)
        strategy.fit(max_steps=3, enable_progress_bar=False)
        assert "picks have no" not in strategy.query(n).why


# --- features -----------------------------------------------------------------------------------


def test_maps_are_averaged_over_their_places():
    strategy = segmenter(None, al.KCenter(), features="model.0")
    ids = strategy.train_pool.unannotated_indices
    kept = strategy.context.predict(ids, keep={"features"})
    with torch.no_grad():
        expected = strategy.module.eval().model[0](X[ids]).mean((2, 3))
    torch.testing.assert_close(kept.features, expected)
    assert kept.owners is None


def test_a_layer_of_tokens_is_averaged_where_they_count():
    features = torch.randn(2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [0, 0, 0]])
    ours = al.Prediction.tokens(torch.randn(2, 3, 2), mask=mask)
    expected = torch.stack([features[0, :2].mean(0), torch.zeros(4)])
    for known in mask, None:  # the prediction has its own
        torch.testing.assert_close(pooled(features, ours, known), expected)
    whole = al.Prediction.tokens(torch.randn(2, 3, 2))
    torch.testing.assert_close(pooled(features, whole, None), features.mean(1))
    assert pooled(features[:, 0], ours, mask) is not None
    with pytest.raises(ModelOutputError, match=r"\(2, 3, 4\).* pixels"):
        pooled(features, al.Prediction.segmentation(torch.randn(2, 3, 4, 4)), None)


# --- boxes --------------------------------------------------------------------------------------


class Detector(nn.Module):
    """As many boxes as the first pixel demands, with the scores that follow it."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        found = []
        for x in images:
            p = x[0, 0, 1 : 1 + int(x[0, 0, 0].abs() * 3)].sigmoid()
            found.append({"boxes": torch.rand(len(p), 4), "scores": p, "labels": p.long()})
        return found


def scores_of_boxes(k):
    x = X[k, 0, 0]
    return x[1 : 1 + int(x[0].abs() * 3)].sigmoid().numpy()


@pytest.mark.parametrize(
    ("reduce", "of"),
    [("max", max), ("sum", sum), (Count(above=0.4), lambda s: sum(v > 0.4 for v in s))],
)
def test_boxes_are_scored_one_by_one_and_images_without_any_have_zero(reduce, of):
    criterion = Each(al.LeastConfidence(), reduce)
    learner = al.ActiveLearner(
        Foreign(Detector()), pool_of(n=0), criterion, outputs="detection", batch_size=6, seed=0
    )
    query = learner.query(20)
    for k, score in zip(query, query.scores):
        each = [min(p, 1 - p) for p in scores_of_boxes(k)]
        assert score == pytest.approx(of(each) if each else 0, abs=1e-6)
    assert any(not len(scores_of_boxes(k)) for k in range(20))
    assert "over boxes of LeastConfidence()" in query.why


def test_a_pool_of_mostly_empty_images_is_said_in_the_query():
    def few(found):
        return al.Prediction.detection(found, threshold=0.99)

    learner = al.ActiveLearner(Foreign(Detector()), pool_of(n=0), outputs=few, seed=0)
    with pytest.warns(SelectionWarning, match="100% of the candidates have no boxes"):
        learner.query(2)


class Uncertain(Detector):
    """A detector whose scores depend on a dropout."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.4)

    def forward(self, images):
        rows = [x.flatten()[None, :20] for x in images]
        return [
            {
                "boxes": torch.tensor([[0.0, 0, 9, 9], [20, 20, 29, 29]]),
                "scores": self.dropout(row)[0].view(2, 10).sum(1).sigmoid(),
                "labels": torch.tensor([1, 2]),
            }
            for row in rows
        ]


@pytest.mark.parametrize("form", ["samples=", "MCDropout", "by default", "ensemble"])
def test_boxes_of_posterior_samples_are_matched(form):
    criterion = Each(al.BALD(), "max")
    module, options = Foreign(Uncertain()), {"samples": 6}
    if form == "MCDropout":
        module, options = al.MCDropout(module, 6), {}
    elif form == "ensemble":
        module, options = al.Ensemble([Foreign(Uncertain()) for _ in range(2)]), {"samples": 6}
    elif form == "by default":
        options = {}
    learner = al.ActiveLearner(
        module, pool_of(n=0), criterion, outputs="detection", batch_size=6, seed=0, **options
    )
    query = learner.query(4)
    k = {"by default": 20, "ensemble": 12}.get(form, 6)
    (prediction,) = learner.predictions(learner.train_pool, [0, 1, 2])
    assert prediction.outputs.shape == (6, k, 1)
    assert prediction.outputs.std(1).min() > 0
    assert query.why.startswith("TopK() of max over boxes of BALD()")
    assert min(query.scores) > 0


def test_a_detector_without_posterior_samples_is_told_how_to_draw_them():
    for samples in None, 5:
        with pytest.raises((PredictionError, ConfigurationError), match=r"MCDropout"):
            al.ActiveLearner(
                Foreign(Detector()),
                pool_of(n=0),
                al.BALD(),
                outputs="detection",
                samples=samples,
                seed=0,
            ).query(2)


def test_a_module_that_declares_samples_and_returns_one_is_refused():
    net = Foreign(Detector())
    net.posterior_samples = True
    with pytest.raises(PredictionError, match="one list of K dicts per image, got list of dict"):
        al.ActiveLearner(net, pool_of(n=0), outputs="detection", seed=0).query(2)


def test_a_detector_of_torchvision_is_asked_as_it_is():
    from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn as make

    class AsList(nn.Module):
        def __init__(self):
            super().__init__()
            options = {"min_size": 32, "max_size": 32, "box_score_thresh": 0.2}
            self.net = make(weights=None, weights_backbone=None, num_classes=4, **options)

        def forward(self, x):
            return self.net(list(x))

    module = Foreign(AsList())
    selector = al.Prefilter(2, al.KCenter())
    learner = al.ActiveLearner(
        module,
        pool_of(X[:6], MASKS[:6], 2),
        Each(al.Margin(), "sum"),
        selector,
        outputs="detection",
        features="net.net.backbone",
        seed=0,
    )
    assert len(learner.query(2)) == 2
    with pytest.raises(ModelOutputError, match=r'list of dict.* outputs="detection"'):
        al.ActiveLearner(module, pool_of(X[:6], MASKS[:6], 2), seed=0).query(2)


def faster_rcnn():
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    backbone = nn.Conv2d(3, 4, 3, 4)
    backbone.out_channels = 4
    return FasterRCNN(backbone, 3, 32, 32, rpn_anchor_generator=AnchorGenerator(((8,),), ((1.0,),)))


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_a_class_that_torchvision_trains_as_background_is_refused(first, own):
    classes = [first, first + 1]
    label = {"boxes": torch.tensor([[0.0, 0, 4, 4], [2, 2, 8, 8]]), "labels": torch.tensor(classes)}
    pool = al.ActiveLearningDataset([(x, label) for x in X])
    pool.annotate(range(3), None if own else [label] * 3)
    for net in Detector(), faster_rcnn():
        learner = al.ActiveLearner(Foreign(net), pool, al.Margin(), outputs="detection", seed=0)
        if first or isinstance(net, Detector):
            assert len(learner.query(2)) == 2
        else:
            with pytest.raises(ConfigurationError, match=r"class 0, .* the background"):
                learner.query(2)


def test_features_of_the_regions_of_a_detector_are_not_those_of_its_images():
    net = faster_rcnn()
    learner = al.ActiveLearner(
        Foreign(net), pool_of(n=0), selector=al.KCenter(), outputs="detection",
        features="net.roi_heads.box_head", seed=0,
    )  # fmt: skip
    with pytest.raises(ModelOutputError, match=r"for 20 samples of boxes: name one that"):
        learner.query(2)


# --- tokens and keypoints -----------------------------------------------------------------------


class Texts(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, k):
        n = 2 + k % 5
        ids = torch.randint(1, 30, (7,), generator=torch.Generator().manual_seed(k))
        mask = (torch.arange(7) < n).long()
        return {"input_ids": ids * mask, "attention_mask": mask, "labels": torch.zeros(7)}


class Tagger(L.LightningModule):
    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertForTokenClassification

        torch.manual_seed(0)
        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
        config = BertConfig(vocab_size=30, num_hidden_layers=1, num_labels=3, **sizes)
        self.net = BertForTokenClassification(config)

    def forward(self, input_ids, attention_mask):
        return self.net(input_ids=input_ids, attention_mask=attention_mask)

    def training_step(self, batch, batch_idx):
        return self.net(**batch).loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_padding_is_no_token():
    pool = al.ActiveLearningDataset(Texts(), label_key="labels")
    module, criterion = Tagger(), Each(al.Entropy(), "sum")
    queries = [
        al.ActiveLearner(module, pool, criterion, outputs=outputs, batch_size=5, seed=0).query(12)
        for outputs in (
            "tokens",
            lambda z, x: al.Prediction.tokens(z.logits, mask=x["attention_mask"]),
        )
    ]
    module.eval()
    for query in queries:
        for k, score in zip(query, query.scores):
            item = {name: value[None] for name, value in Texts()[k].items() if name != "labels"}
            with torch.no_grad():
                p = module(**item).logits[0, : 2 + k % 5].softmax(1)
            assert score == pytest.approx(float(torch.special.entr(p).sum()), rel=1e-4)
        assert "sum over tokens of Entropy()" in query.why


def test_tokens_are_compared_by_their_mean_features():
    pool = al.ActiveLearningDataset(Texts(), label_key="labels")
    learner = al.ActiveLearner(
        Tagger(), pool, None, al.KCenter(), outputs="tokens", features="net.bert", seed=0
    )
    kept = learner.context.predict(np.arange(12), keep={"features"}).features
    assert kept.shape == (12, 8)
    assert len(learner.query(3)) == 3


def test_heatmaps_are_keypoints_with_as_many_classes_as_places():
    strategy = segmenter(Each(al.Entropy(), "max"), outputs="keypoints")
    query = strategy.query(4)
    with torch.no_grad():
        p = strategy.module.eval()(X[4:]).flatten(2).softmax(-1)
    scores = torch.special.entr(p).sum(-1).amax(1)
    assert query.indices.tolist() == (4 + scores.argsort(descending=True)[:4]).tolist()


# --- declarations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": "segmentations"}, "outputs must be one of .*segmentation"),
        ({"outputs": "segmentation", "task": "tokens"}, "got 'segmentation' with task='tokens'"),
        ({"outputs": "rows"}, "outputs must be one of"),
        ({"task": "rows"}, "owners=owners"),
        ({"task": "pixels"}, "task must be one of .*segmentation"),
    ],
)
def test_a_declaration_that_is_none_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        al.ActiveLearner(Foreign(unet()), pool_of(), **options)


def test_maps_and_tokens_without_a_declaration_are_refused_with_the_choices():
    with pytest.raises(ModelOutputError, match=r"\(5, 4, 8, 8\).* outputs=.segmentation"):
        segmenter(outputs=None).query(2)
    with pytest.raises(ModelOutputError, match=r"\(20, 3, 8\).* outputs=.tokens"):
        al.ActiveLearner(Foreign(nn.Flatten(2, 2)), pool_of(X[..., 0], MASKS, 0), seed=0).query(2)
    with pytest.raises(PredictionError, match=r"\(N, T, C\), got \(5, 4, 8, 8\)"):
        segmenter(outputs="tokens").query(2)
    with pytest.raises(PredictionError, match="not declared, and each row"):
        segmenter(
            net=nn.Sequential(unet(), nn.Softmax(1)), outputs=al.Prediction.segmentation
        ).query(2)


def test_a_softmax_before_declared_logits_is_said():
    net = Foreign(nn.Sequential(unet(), nn.Softmax(1)))
    learner = al.ActiveLearner(net, pool_of(n=0), outputs="logits", task="segmentation", seed=0)
    with pytest.warns(SelectionWarning, match="look like probabilities"):
        learner.query(2)


def test_a_function_with_one_parameter_never_gets_the_input():
    meaning = meaning_of(nn.Linear(2, 2), lambda z, extra=3: z + extra, None)
    x = torch.zeros(2, 2)
    prediction = meaning.prediction(x, torch.arange(2), None, samples=False, x="input")
    assert prediction.outputs.flatten().tolist() == [3] * 4


def test_a_function_of_the_input_reads_in_training_too():
    class Dict(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = unet()

        def forward(self, x):
            return {"aux": x, "maps": self.net(x)}

    seen = []

    def read(returned, x):
        seen.append(x.shape[1:])
        return returned["maps"]

    strategy = segmenter(net=Dict(), outputs=read)
    strategy.fit(max_steps=1, enable_progress_bar=False)
    assert seen == [(3, 8, 8)]


def test_a_network_of_maps_is_trained_and_asked_by_one_declaration():
    strategy = segmenter(Each(al.Entropy(), TopShare(0.05)))
    for _ in range(2):
        strategy.query_and_update(3)
        strategy.reset_model()
        strategy.fit(max_steps=2, enable_progress_bar=False)
    assert strategy.train_pool.get_num_annotated() == 10


@pytest.mark.parametrize("form", ["word", "function"])
def test_maps_that_a_loss_trains_independently_are_binary_rows(form):
    masks = (X > 0).float()
    many = {"multilabel": True}
    outputs = {
        "word": "segmentation",
        "function": lambda z: al.Prediction.segmentation(z, **many),
    }[form]
    net = nn.Conv2d(3, 3, 3, padding=1)
    options = {"loss": nn.BCEWithLogitsLoss(), "seed": 0}
    strategy = al.Strategy(net, pool_of(y=masks), outputs=outputs, **options).build()
    strategy.fit(max_steps=2, enable_progress_bar=False)
    query = strategy.query(3)
    with torch.no_grad():
        p = strategy.module.eval()(X[4:]).sigmoid()
    scores = (1 - (2 * p - 1).abs()).mean((1, 2, 3))
    assert query.indices.tolist() == (4 + scores.argsort(descending=True)[:3]).tolist()


def test_maps_that_a_loss_trains_independently_are_never_read_as_exclusive():
    for outputs in al.Prediction.segmentation, "keypoints":
        net = nn.Conv2d(3, 3, 3, padding=1)
        loss = nn.BCEWithLogitsLoss()
        strategy = al.Strategy(net, pool_of(y=X), loss=loss, outputs=outputs, seed=0).build()
        with pytest.raises(ConfigurationError, match=r"BCEWithLogitsLoss.* multilabel=True"):
            strategy.query(3)


@pytest.mark.parametrize(
    "criterion", [al.EPIG(), Each(al.EPIG(), "max"), al.criteria.Tempered(al.Margin())]
)
def test_criteria_that_read_classes_of_other_samples_refuse_pixels(criterion):
    val = pool_of(X + 5)
    net = al.MCDropout(unet(), 3)
    with pytest.raises(PredictionError, match=r"outputs are pixels.* Each\(criterion"):
        segmenter(criterion, net=net, val_pool=val).query(3)
