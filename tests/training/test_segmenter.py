"""A class for each pixel: the loss, the mean IoU, ignored pixels, and the declared task."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader, TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, LabelError, ShapeError
from alkit.training import Segmenter

G = torch.Generator().manual_seed(0)
MAPS = torch.randn(8, 3, 6, 5, generator=G)
MASKS = torch.randint(0, 3, (8, 6, 5), generator=G)


class Fixed(nn.Module):
    """Returns its input in some form, and has a weight so that there is something to train."""

    def __init__(self, form=None):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.form = form

    def forward(self, x):
        return self.scale * x if self.form is None else self.form(self.scale * x)


def measured(model, x=MAPS, y=MASKS):
    data = DataLoader(TensorDataset(x, y), batch_size=3)
    return al.Trainer(enable_progress_bar=False).test(model.build(), data, verbose=False)[0]


def mean_iou(guesses, masks, ignored=-100):
    guesses, masks = np.asarray(guesses)[masks != ignored], np.asarray(masks)[masks != ignored]
    shares = [
        ((guesses == c) & (masks == c)).sum() / ((guesses == c) | (masks == c)).sum()
        for c in range(3)
        if c != ignored and ((guesses == c) | (masks == c)).any()
    ]
    return np.mean(shares)


FORMS = {
    "a tensor": None,
    "torchvision": lambda x: {"out": x, "aux": -x},
    "an object": lambda x: type("Output", (), {"logits": x})(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("masks", [MASKS, MASKS[:, None], MASKS.to(torch.uint8)])
def test_the_loss_and_the_mean_iou_are_those_of_the_pixels(form, masks):
    result = measured(Segmenter(Fixed(FORMS[form]), 3), y=masks)
    each = nn.functional.cross_entropy(MAPS, MASKS)
    assert result["test_loss_epoch"] == pytest.approx(each.item(), rel=1e-5)
    assert result["testMeanIoU_epoch"] == pytest.approx(mean_iou(MAPS.argmax(1), MASKS), rel=1e-5)


def test_a_class_that_is_neither_there_nor_predicted_does_not_count():
    maps, masks = MAPS.clone(), MASKS % 2
    maps[:, 2] = -9
    result = measured(Segmenter(Fixed(), 3), maps, masks)
    assert result["testMeanIoU_epoch"] == pytest.approx(mean_iou(maps.argmax(1), masks), rel=1e-5)


@pytest.mark.parametrize("ignored", [255, -100, 0])
def test_ignored_pixels_count_nowhere(ignored):
    masks = MASKS.clone()
    masks[:, :2] = ignored
    loss = nn.CrossEntropyLoss(ignore_index=ignored)
    for model in (Segmenter(Fixed(), 3, ignore_index=ignored), Segmenter(Fixed(), 3, loss)):
        result = measured(model, MAPS[:3], masks[:3])
        assert result["test_loss_epoch"] == pytest.approx(loss(MAPS[:3], masks[:3]).item(), 1e-5)
        expected = mean_iou(MAPS[:3].argmax(1), masks[:3], ignored)
        assert result["testMeanIoU_epoch"] == pytest.approx(expected, rel=1e-5)


def test_a_function_as_loss_gets_the_logits():
    def loss(y_hat, y):
        return nn.functional.cross_entropy(y_hat, y) * 2

    model = Segmenter(Fixed(FORMS["torchvision"]), 3, loss)
    assert (model.outputs, model.task) == ("logits", "segmentation")
    expected = 2 * nn.functional.cross_entropy(MAPS[:3], MASKS[:3]).item()
    assert measured(model, MAPS[:3], MASKS[:3])["test_loss_epoch"] == pytest.approx(expected, 1e-5)


def test_posterior_samples_are_judged_by_their_mean_probability():
    samples = torch.randn(3, 4, 3, 6, 5, generator=G)
    p = samples.softmax(2).mean(1)
    result = measured(Segmenter(Fixed(), 3), samples, MASKS[:3])
    expected = nn.functional.nll_loss(p.log(), MASKS[:3])
    assert result["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)
    assert result["testMeanIoU_epoch"] == pytest.approx(mean_iou(p.argmax(1), MASKS[:3]), rel=1e-5)


def strategy(masks, network=None, **options):
    images = torch.randn(20, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    pool = al.ActiveLearningDataset(TensorDataset(images, masks))
    pool.annotate(range(8))
    network = nn.Conv2d(3, 3, 1) if network is None else network
    return al.Strategy(Segmenter(network, 3, **options), pool, al.Entropy(), seed=0).build()


TWENTY = torch.randint(0, 3, (20, 6, 5), generator=G)


@pytest.mark.parametrize(
    "network",
    [
        lambda: nn.Conv2d(3, 3, 1),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), Fixed(FORMS["torchvision"])),
        lambda: al.MCDropout(nn.Sequential(nn.Dropout(), nn.Conv2d(3, 3, 1)), 3),
    ],
)
def test_a_strategy_needs_no_further_declaration(network, quiet):
    made = strategy(TWENTY, network())
    made.fit(max_epochs=2, **quiet)
    query = made.query(3)
    assert query.why == "TopK() of mean over pixels of Entropy()"
    says = al.doctor(query)["meaning of outputs"].says
    assert says == "logits of pixels, 3 columns, declared by CrossEntropyLoss"


def test_a_class_of_a_pixel_that_does_not_exist_names_its_sample(quiet):
    masks = TWENTY.clone()
    masks[5, 2, 3] = 3
    with pytest.raises(LabelError, match=r"label of sample 5 .* class numbers from 0 to 2"):
        strategy(masks).fit(max_epochs=1, **quiet)
    masks[5, 2, 3] = 255
    strategy(masks, ignore_index=255).fit(max_epochs=1, **quiet)
    with pytest.raises(LabelError, match=r"label of sample 0 .*integers"):
        strategy(TWENTY / 3).fit(max_epochs=1, **quiet)


@pytest.mark.parametrize(
    ("network", "masks", "error", "match"),
    [
        (
            nn.Conv2d(3, 3, 1, stride=2),
            TWENTY,
            ShapeError,
            r"\(8, 3, 3, 3\) for masks .*interpolate",
        ),
        (nn.Conv2d(3, 4, 1), TWENTY, ShapeError, r"num_classes=3 needs .*\(8, 4, 6, 5\)"),
        (nn.Conv2d(3, 3, 1), TWENTY[:, :4], ShapeError, r"for masks \(8, 4, 5\)"),
        (nn.Conv2d(3, 3, 1), one_hot(TWENTY, 3).movedim(-1, 1), LabelError, r"y.argmax\(0\)"),
        (nn.Conv2d(3, 3, 1), one_hot(TWENTY, 3).movedim(-1, 1) * 1.0, LabelError, r"y.argmax\(0\)"),
        (nn.Conv2d(3, 3, 1), one_hot(TWENTY, 3), LabelError, r"y.argmax\(0\)"),
    ],
)
def test_outputs_and_masks_that_do_not_fit_name_the_remedy(network, masks, error, match, quiet):
    with pytest.raises(error, match=match):
        strategy(masks, network).fit(max_epochs=1, **quiet)


def test_a_loss_that_ignores_another_number_is_refused():
    for loss in (nn.CrossEntropyLoss(), nn.NLLLoss(ignore_index=2)):
        with pytest.raises(ConfigurationError, match="ignore_index=255"):
            Segmenter(Fixed(), 3, loss, ignore_index=255)
    Segmenter(Fixed(), 3, nn.CrossEntropyLoss(ignore_index=255), ignore_index=255)
    Segmenter(Fixed(), 3, nn.functional.cross_entropy, ignore_index=255)


def test_a_loss_of_binary_maps_is_refused_with_the_remedy():
    for loss in (nn.BCEWithLogitsLoss(), nn.BCELoss()):
        with pytest.raises(ConfigurationError, match=r"BinaryClassifier\(.*outputs=\"segmentation"):
            Segmenter(Fixed(), 2, loss)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("channel", [True, False])
def test_posterior_samples_of_binary_maps_are_judged_by_their_mean(columns, channel, quiet):
    images = torch.randn(12, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    masks = (images[:, :columns] > 0).float()
    masks = masks if channel or columns > 1 else masks[:, 0]
    pool = al.ActiveLearningDataset(TensorDataset(images, masks))
    pool.annotate(range(6))
    torch.manual_seed(0)
    model = al.MCDropout(nn.Sequential(nn.Dropout2d(), nn.Conv2d(3, columns, 1)), 4)
    made = al.Strategy(
        model,
        pool,
        al.BALD(),
        loss=nn.BCEWithLogitsLoss(),
        outputs="segmentation",
        test=TensorDataset(images, masks),
        seed=0,
    ).build()
    made.fit(max_epochs=1, **quiet)
    assert made.query(2).why == "TopK() of mean over pixels of BALD()"
    with torch.no_grad():
        p = made.module.eval()(images).sigmoid().mean(1)
    expected = nn.functional.binary_cross_entropy(p, masks.view(p.shape))
    result = made.test(**quiet)
    assert result["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)


def test_wrong_arguments_are_refused():
    for wrong in (1, 2.5, None, "3"):
        with pytest.raises(ConfigurationError, match="num_classes must be an integer"):
            Segmenter(Fixed(), wrong)
    with pytest.raises(ConfigurationError, match="ignore_index must be an integer"):
        Segmenter(Fixed(), 3, ignore_index="none")
