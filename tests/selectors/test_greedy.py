import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist

import alkit as al
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors import Candidates, Features, GreedySampling
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def candidates(x, y, x_known=None, labels=None):
    annotated = None
    if x_known is not None:
        annotated = al.Prediction(
            torch.zeros(len(x_known), y.shape[-1]), kind="values", features=x_known
        )
    return Candidates(None, al.Prediction(y, kind="values", features=x), annotated, labels)


def pick(rule, n, *arrays, seed=0):
    return GreedySampling(rule)(candidates(*arrays), n, generator(seed)).positions.tolist()


def textbook(rule, x, y, x_known, labels, n):
    """Reference: each candidate against each sample that is annotated or picked."""
    x, y, x_known, labels = (
        part.double().numpy().reshape(len(part), -1) for part in (x, y, x_known, labels)
    )
    picks = []
    while len(picks) < n:
        in_x = cdist(x, np.concatenate([x_known, x[picks]]))
        in_y = cdist(y, np.concatenate([labels, y[picks]]))
        apart = {"GSx": in_x, "GSy": in_y, "iGS": in_x * in_y}[rule].min(1)
        picks.append(int(apart.argmax()))
    return picks


@pytest.mark.parametrize("rule", ["GSx", "GSy", "iGS"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("known", [1, 15, 700])
def test_the_picks_are_those_of_the_textbook(rule, targets, known):
    x, y = gaussian(900, 5), gaussian(900, targets, seed=1)
    arrays = x, y, gaussian(known, 5, seed=2), gaussian(known, targets, seed=3)
    assert pick(rule, 30, *arrays) == textbook(rule, *arrays, 30)


@settings(deadline=None, max_examples=100)
@given(st.data(), st.sampled_from(["GSx", "GSy", "iGS"]), st.sampled_from([1e-4, 1.0, 1e5]))
def test_each_pick_is_farthest_whatever_the_units_and_ties(data, rule, unit):
    def drawn(rows, columns):
        values = hnp.arrays(np.int8, (rows, columns), elements=st.integers(-3, 3))
        return torch.from_numpy(data.draw(values)).double()

    n, known = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 4))
    x, y, x_known, labels = drawn(n, 2), drawn(n, 1), drawn(known, 2), drawn(known, 1)
    picks = pick(rule, n, x, unit * y, x_known, unit * labels)
    assert sorted(picks) == list(range(n))
    for k, position in enumerate(picks):
        in_x = cdist(x, torch.cat([x_known, x[picks[:k]]]))
        in_y = cdist(y, torch.cat([labels, y[picks[:k]]]))
        apart = {"GSx": in_x, "GSy": in_y, "iGS": in_x * in_y}[rule].min(1)
        assert apart[position] == pytest.approx(apart.max(), rel=1e-6)


def test_labels_of_one_target_may_be_flat_and_integers():
    x, y, known = gaussian(50, 2), gaussian(50, 1, seed=1), gaussian(4, 2, seed=2)
    for labels in (torch.tensor([0, 3, 1, 2]), torch.tensor([0.0, 3, 1, 2])):
        assert pick("GSy", 5, x, y, known, labels) == textbook("GSy", x, y, known, labels, 5)


def test_the_value_is_the_mean_of_the_posterior_samples():
    x, y, known = gaussian(50, 2), gaussian(50, 7, 1, seed=1), gaussian(4, 2, seed=2)
    annotated = al.Prediction(torch.zeros(4, 7, 1), kind="values", features=known)
    prediction = al.Prediction(y, kind="values", features=x)
    labels = torch.arange(4.0)
    picks = GreedySampling()(Candidates(None, prediction, annotated, labels), 9, generator())
    assert picks.positions.tolist() == textbook("iGS", x, y.mean(1), known, labels, 9)


@pytest.mark.parametrize("rule", ["GSx", "GSy", "iGS"])
def test_with_nothing_annotated_the_first_is_central_and_the_others_follow(rule):
    x, y = gaussian(80, 3), gaussian(80, 1, seed=1)
    picks = pick(rule, 12, x, y)
    rows = y if rule == "GSy" else x
    first = int((rows - rows.mean(0)).norm(dim=1).argmin())
    expected = textbook(rule, x, y, x[first : first + 1], y[first : first + 1], 11)
    assert picks == [first, *expected]
    assert pick(rule, 1, x, y) == [first]
    assert sorted(pick(rule, 80, x, y)) == list(range(80))


def test_gsx_with_annotated_samples_is_k_center():
    x, y, known = gaussian(300, 4), gaussian(300, 1), gaussian(20, 4, seed=2)
    labels = gaussian(20, seed=3)
    expected = al.KCenter()(candidates(x, y, known, labels), 25, generator()).positions.tolist()
    assert pick("GSx", 25, x, y, known, labels) == expected


def test_a_model_that_returns_a_constant_leaves_gsx():
    x, known = gaussian(60, 3), gaussian(5, 3, seed=1)
    y, labels = torch.ones(60, 1), torch.ones(5)
    assert pick("iGS", 10, x, y, known, labels) == pick("GSx", 10, x, y, known, labels)


def test_copies_of_annotated_samples_and_of_picks_come_last():
    x, y = gaussian(20, 3).repeat(2, 1), gaussian(20, 1, seed=1).repeat(2, 1)
    picks = pick("iGS", 40, x, y, x[:5], y[:5, 0])
    assert sorted(p % 20 for p in picks[:15]) == list(range(5, 20))
    assert sorted(picks) == list(range(40))


def test_labels_of_a_classifier_are_one_hot():
    p, known = gaussian(40, 3).softmax(1), gaussian(6, 2, seed=2)
    x, classes = gaussian(40, 2, seed=1), torch.arange(6) % 3
    prediction = al.Prediction(p, kind="probabilities", features=x)
    ours = GreedySampling("GSy")(Candidates(None, prediction, None, classes), 7, generator())
    expected = textbook("GSy", x, p, known, torch.eye(3)[classes], 7)
    assert ours.positions.tolist() == expected


def test_wrong_labels_raise():
    x, y, known = gaussian(9, 2), gaussian(9, 2, seed=1), gaussian(2, 2, seed=2)
    with pytest.raises(PredictionError, match="returns 2 values, and a label has 1"):
        pick("iGS", 2, x, y, known, torch.ones(2))
    with pytest.raises(PredictionError, match="NaN"):
        pick("iGS", 2, x, y, known, torch.full((2, 2), torch.nan))
    p = al.Prediction(y.softmax(1), kind="probabilities")
    with pytest.raises(PredictionError, match="classes 0 to 1, got 5"):
        GreedySampling("GSy")(Candidates(None, p, labels=torch.tensor([5])), 1, generator())
    with pytest.raises(PredictionError, match="class numbers"):
        Candidates(None, p, labels=torch.ones(2))
    with pytest.raises(ConfigurationError, match="needs the labels"):
        GreedySampling()(candidates(x, y, known), 1, generator())


def test_each_rule_needs_no_more_than_it_reads():
    assert GreedySampling("GSx").needs == {"features", "annotated"}
    assert GreedySampling("GSy").needs == {"outputs", "labels"}
    assert GreedySampling().needs == {"features", "annotated", "outputs", "labels"}
    check_selector(GreedySampling(space=Features("cosine")))


def test_it_reads_as_it_is_made():
    assert repr(GreedySampling()) == "GreedySampling()"
    assert repr(GreedySampling("GSy")) == "GreedySampling('GSy')"
    made = GreedySampling("GSx", Features("cosine"))
    assert repr(made) == "GreedySampling('GSx', space=Features('cosine'))"
    with pytest.raises(ConfigurationError, match="one of iGS, GSx, GSy"):
        GreedySampling("igs")


def test_select_compares_values_with_labels():
    x, y = gaussian(60, 3).numpy(), gaussian(60, 1, seed=1)
    known, labels = [4, 9, 33], [0.5, -1.0, 2.0]
    left = np.setdiff1d(np.arange(60), known)
    prediction = al.Prediction(y, kind="values", features=torch.from_numpy(x))
    query = al.select(6, prediction=prediction, annotated=known, labels=labels,
                      selector=GreedySampling(), seed=0)  # fmt: skip
    rows, values = torch.from_numpy(x), torch.tensor(labels)
    expected = textbook("iGS", rows[left], y[left], rows[known], values, 6)
    assert query.indices.tolist() == left[expected].tolist()
    with pytest.raises(PredictionError, match="3 annotated samples came with 2 labels"):
        al.select(6, prediction=prediction, annotated=known, labels=[1.0, 2.0],
                  selector=GreedySampling())  # fmt: skip
    with pytest.raises(PredictionError, match="one per target"):
        al.select(6, prediction=prediction, annotated=known, labels=np.ones((3, 1, 1)),
                  selector=GreedySampling())  # fmt: skip
