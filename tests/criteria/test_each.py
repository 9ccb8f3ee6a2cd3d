"""Criteria of rows, reduced to one score per sample: against loops over the samples."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

import alkit as al
from alkit import criteria
from alkit.criteria import Count, Each, TopShare, scores_of
from alkit.criteria.each import over
from alkit.errors import ConfigurationError, NonFiniteError, PredictionError, ScoreError

G = torch.Generator().manual_seed(0)
MAPS = torch.randn(5, 3, 4, 4, generator=G)
PIXELS = al.Prediction.segmentation(MAPS)
BOXES = al.Prediction.detection(
    [{"scores": torch.tensor([0.9, 0.4])}, {"scores": torch.empty(0)}, {"scores": torch.ones(1)}]
)

REDUCTIONS = {
    "mean": np.mean,
    "max": np.max,
    "sum": np.sum,
    TopShare(0.3): lambda s: np.sort(s)[::-1][: math.ceil(0.3 * len(s))].mean(),
    Count(above=0.5): lambda s: (s > 0.5).sum(),
}


@st.composite
def texts(draw):
    """Token probabilities of up to 5 texts with a mask, and a chunk size."""
    n, t, c = draw(st.integers(1, 5)), draw(st.integers(1, 7)), draw(st.integers(2, 4))
    k = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 99))
    z = torch.randn(n, k, t, c, generator=torch.Generator().manual_seed(seed)).double()
    mask = torch.tensor([[draw(st.booleans()) for _ in range(t)] for _ in range(n)])
    return z.softmax(-1), mask, draw(st.integers(1, n))


@given(texts(), st.sampled_from(list(REDUCTIONS)))
def test_a_sample_has_the_reduction_of_the_scores_of_its_own_rows(case, reduce):
    p, mask, size = case
    prediction = al.Prediction.tokens(p, mask=mask, kind="probabilities", samples=True)
    scores = Each(al.Entropy(), reduce)(prediction)
    parts = [prediction[k : k + size] for k in range(0, len(p), size)]
    chunked = torch.cat([Each(al.Entropy(), reduce)(part) for part in parts])
    for k in range(len(p)):
        rows = p[k].mean(0)[mask[k]].numpy()
        expected = REDUCTIONS[reduce](scipy_entropy(rows, axis=1)) if len(rows) else 0
        assert float(scores[k]) == pytest.approx(float(expected), abs=1e-9)
        assert float(chunked[k]) == pytest.approx(float(expected), abs=1e-9)


@given(texts())
def test_a_plain_criterion_counts_the_mean_and_so_does_each_term_of_a_formula(case):
    p, mask, _ = case
    ours = al.Prediction.tokens(p, mask=mask, kind="probabilities", samples=True)
    assert al.Margin()(ours).equal(Each(al.Margin())(ours))
    formula = al.Rank(al.Margin()) + 2 * al.Entropy()
    expected = al.Rank(Each(al.Margin()))(ours) + 2 * Each(al.Entropy())(ours)
    assert formula(ours).equal(expected)


def test_the_disagreement_of_posterior_samples_is_that_of_each_pixel():
    z = torch.randn(3, 6, 4, 2, 2, generator=G).double()
    scores = Each(al.BALD(), "max")(al.Prediction.segmentation(z, samples=True))
    for k in range(3):
        p = z[k].softmax(1).flatten(2)  # (K, C, S)
        expected = [
            scipy_entropy(p[..., s].mean(0)) - np.mean([scipy_entropy(q) for q in p[..., s]])
            for s in range(4)
        ]
        assert float(scores[k]) == pytest.approx(max(expected))
    with pytest.raises(PredictionError, match="K = 1"):
        Each(al.BALD(), "max")(PIXELS)


def test_rows_beyond_the_cache_are_scored_in_parts(monkeypatch):
    whole = Each(al.Margin(), "max")(PIXELS)
    monkeypatch.setattr("alkit.prediction.chunks.CACHE", 10)
    assert Each(al.Margin(), "max")(PIXELS).equal(whole)


def test_labels_are_rows_as_well():
    z = torch.randn(9, 4, generator=G)
    ours = al.Prediction(z, task="multilabel")
    each = torch.stack([al.Entropy()(al.Prediction(z[:, c : c + 1])) for c in range(4)], 1)
    torch.testing.assert_close(Each(al.Entropy(), "max")(ours), each.amax(1))
    torch.testing.assert_close(al.Entropy()(ours), each.mean(1))


def test_one_row_per_sample_is_its_own_reduction():
    ours = al.Prediction(torch.randn(9, 4, generator=G))
    for reduce in "mean", "max", "sum", TopShare(0.05):
        torch.testing.assert_close(Each(al.Margin(), reduce)(ours), al.Margin()(ours))


@pytest.mark.parametrize("percent", [5, 7, 14, 28, 30, 55, 60, 70, 100])
def test_a_share_is_of_the_decimal_number_that_is_written(percent):
    for m in range(1, 120):
        scores, sizes = torch.arange(m).double(), torch.tensor([m])
        count = -(-percent * m // 100)  # exact, in whole numbers, rounded up
        expected = scores[m - count :].mean()
        assert float(TopShare(percent / 100)(scores, sizes)) == pytest.approx(float(expected)), m


def test_a_sample_without_rows_has_a_stated_score():
    for reduce in ("mean", "max", "sum", TopShare(0.05), Count(0.5), torch.median):
        assert Each(al.Margin(), reduce)(BOXES)[1] == 0
        assert Each(al.Margin(), reduce, empty=-1)(BOXES).tolist()[1] == -1
    empty = al.Prediction.detection([{"scores": torch.empty(0)}] * 2)
    assert Each(al.Entropy(), "max", empty=0.5)(empty).tolist() == [0.5, 0.5]
    assert al.Entropy()(empty).tolist() == [0, 0]
    assert al.criteria.Constant(3)(BOXES).tolist() == [3, 3, 3]


def test_a_function_gets_the_scores_of_one_sample():
    got = []

    def spread(scores):
        got.append(len(scores))
        return scores.max() - scores.min()

    scores = Each(al.Margin(), spread)(BOXES)
    assert got == [2, 1]
    assert scores.tolist() == pytest.approx([0.6, 0, 0])
    assert repr(Each(al.Margin(), spread)) == "spread over rows of Margin()"


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (Each(al.Margin()), "mean over rows of Margin()"),
        (Each(al.Margin() + al.Entropy(), "sum"), "sum over rows of (Margin() + Entropy())"),
        (2 * Each(al.Margin()), "2 * (mean over rows of Margin())"),
        (al.Margin() - Each(al.Ratio(), "max"), "Margin() - (max over rows of Ratio())"),
        (-Each(al.Margin()), "-(mean over rows of Margin())"),
        (al.Rank(Each(al.Margin(), TopShare(0.05))), "Rank(TopShare(0.05) over rows of Margin())"),
        (Each(al.Margin(), empty=-1), "mean over rows of Margin(), -1 without rows"),
    ],
)
def test_it_prints_as_its_formula(formula, text):
    assert repr(formula) == text


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (al.Margin(), "mean over pixels of Margin()"),
        (Each(al.Margin(), "max"), "max over pixels of Margin()"),
        (al.Rank(al.Margin()) + 0.5, "Rank(mean over pixels of Margin()) + 0.5"),
        (
            al.criteria.Tempered(al.Rank(al.Margin()), 2),
            "Tempered(Rank(mean over pixels of Margin()), 2)",
        ),
        (criteria.HeadScore("head"), "HeadScore(head)"),
    ],
)
def test_a_formula_names_the_rows_that_it_is_a_mean_of(formula, text):
    assert repr(over(formula, "pixels")) == text
    assert over(formula, "") is formula


def test_the_formula_that_is_named_scores_as_the_plain_one():
    for formula in (
        al.Margin(),
        al.Rank(al.Margin()) - al.Entropy(),
        al.criteria.Tempered(al.Entropy(), 2.0),
    ):
        assert over(formula, "pixels")(PIXELS).equal(formula(PIXELS))


def test_a_tempered_criterion_tempers_each_row():
    expected = al.Entropy()(al.Prediction.segmentation(MAPS / 2))
    p = al.Prediction.segmentation(MAPS.softmax(1), kind="probabilities")
    for ours in PIXELS, p:
        torch.testing.assert_close(al.criteria.Tempered(al.Entropy(), 2.0)(ours), expected)
        torch.testing.assert_close(al.criteria.Tempered(Each(al.Entropy()), 2.0)(ours), expected)


def test_a_schedule_within_is_bound_to_the_round():
    formula = Each(criteria.Schedule([1, 3]) * al.Margin(), "sum").at(criteria.Context(1))
    torch.testing.assert_close(formula(BOXES), 3 * Each(al.Margin(), "sum")(BOXES))


def test_a_function_of_rows_gets_them_as_candidates():
    ours = Each(lambda p: p.mean_probabilities.amax(1), "max")(PIXELS)
    torch.testing.assert_close(ours, MAPS.softmax(1).amax((1, 2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Each(al.Rank(al.Margin())), r"Rank\(Each\(criterion\)\)"),
        (lambda: Each(2 * Each(al.Margin())), "one score per sample already"),
        (lambda: Each(al.Margin(), "maxx"), "Did you mean 'max'"),
        (lambda: Each(al.Margin(), 3), 'reduce must be "mean"'),
        (lambda: Each(al.Margin(), TopShare), 'reduce must be "mean"'),
        (lambda: Each(al.Margin(), empty=torch.nan), "empty must be a finite number"),
        (lambda: Each(al.Margin), r"Did you mean Margin\(\)"),
        (lambda: TopShare(0), r"share must be a number in \(0, 1\]"),
        (lambda: TopShare(5), r"share must be a number in \(0, 1\]"),
        (lambda: Count("0.5"), "above must be a finite number"),
    ],
)
def test_what_has_no_meaning_is_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_a_function_that_does_not_reduce_or_is_not_finite_is_reported():
    with pytest.raises(ScoreError, match="one number, got the shape"):
        Each(al.Margin(), lambda scores: scores[:2])(PIXELS)
    for wrong in (None, "a", 2j, torch.ones(3).topk(2), [[1], [1, 2]]):
        with pytest.raises(ScoreError, match="to one number, got "):
            Each(al.Margin(), lambda scores, wrong=wrong: wrong)(PIXELS)
    with pytest.raises(NonFiniteError, match="over rows of Margin"):
        scores_of(Each(al.Margin(), lambda s: s.sum() / 0), PIXELS)


def test_what_reads_the_whole_sample_is_refused_or_reads_its_features():
    head = torch.nn.Linear(2, 1)
    ours = al.Prediction.segmentation(MAPS)
    features = torch.randn(5, 2, generator=G)
    ours = al.Prediction(
        ours.outputs, ours.ids, features=features, owners=ours.owners, task="segmentation"
    )
    torch.testing.assert_close(criteria.HeadScore(head)(ours), head(features)[:, 0].detach())
    with pytest.raises(PredictionError, match=r"pixels.* Each\(criterion"):
        criteria.ExpectedGradientLength()(ours)
    with pytest.raises(PredictionError, match=r"pixels.* Each\(criterion"):
        al.Minimum(lambda p: p.mean_probabilities.amax(1), 0.5)(ours)
