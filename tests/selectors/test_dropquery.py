import numpy as np
import pytest
import scipy.stats
import torch

from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction
from alkit.selectors import Candidates, Features
from alkit.selectors.alfamix import ALFAMix
from alkit.selectors.dropquery import DropQuery, logits_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(features, head):
    return Candidates(prediction=Prediction(features=torch.as_tensor(features)), head=head)


def pick(selector, given, n, seed=0):
    return selector(given, n, generator(seed)).positions.tolist()


def sign(z):
    """Two classes by the sign of the sum; the second one for zero."""
    total = z.sum(1, keepdim=True)
    return torch.cat([total, -total + 1e-3], dim=1)


# rows 0 to 9: every feature points to the first class; 10 to 29: one does, and outweighs the rest
STEADY = torch.ones(10, 40)
UNSTEADY = torch.tensor([45.0] + [-1.0] * 39).repeat(20, 1)
ROWS = torch.cat([STEADY, UNSTEADY]) + 1e-3 * torch.randn(30, 40, generator=generator(9))


def test_candidates_whose_guess_flips_are_picked():
    assert all(i >= 10 for i in pick(DropQuery(passes=51), candidates(ROWS, sign), 3))


def test_flips_are_those_of_dropout():
    # one feature: without it the prediction is the second class, in 75 % of the passes
    flips = DropQuery(passes=7)._flips(torch.ones(4000, 1), sign, generator())
    expected = scipy.stats.binom(7, 0.75).pmf(range(8)) * 4000
    observed = np.bincount(flips, minlength=8)
    assert scipy.stats.chisquare(observed[2:], expected[2:], sum_check=False).pvalue > 1e-4
    assert observed[:2].sum() < 20


def test_passes_and_candidates_drop_features_of_their_own():
    seen = []
    DropQuery(dropout=0.5)._flips(torch.ones(2, 64), lambda z: seen.append(z) or z, generator())
    plain, *dropped = seen
    assert plain.equal(torch.ones(2, 64))
    assert len(dropped) == 3
    assert len({tuple(row.tolist()) for z in dropped for row in z}) == 6


def test_what_is_kept_is_scaled_as_by_dropout():
    seen = []
    rows = torch.rand(9, 30, generator=generator(1)) + 1
    DropQuery(dropout=0.6)._flips(rows, lambda z: seen.append(z) or z, generator())
    for dropped in seen[1:]:
        kept = dropped != 0
        torch.testing.assert_close(dropped[kept], (rows / 0.4)[kept])
        assert 0.25 < kept.float().mean() < 0.55


def test_the_picks_are_spread_over_what_flips():
    place = torch.arange(30).repeat(4)[:, None] // 10 * 30.0  # three groups, 0, 30 and 60
    rows = torch.cat([ROWS.repeat(4, 1), place], dim=1)

    def head(z):
        return sign(z[:, :40])

    picks = pick(DropQuery(passes=51), candidates(rows, head), 2)
    assert {float(rows[i, 40]) for i in picks} == {30.0, 60.0}


def test_those_that_flip_less_follow_where_too_few_flip():
    given = candidates(ROWS, sign)
    for seed in range(5):
        picks = pick(DropQuery(passes=51), given, 25, seed)
        assert set(picks[:20]) == set(range(10, 30))
        assert len(set(picks)) == 25


def test_one_flip_less_comes_before_none():
    def head(z):  # z holds the number of flips, in three passes and one without dropout
        head.calls += 1
        flipped = head.calls - 1 <= torch.arange(12) // 3
        return torch.stack([flipped == (head.calls == 1), flipped != (head.calls == 1)], 1).float()

    head.calls = 0
    rows = torch.randn(12, 4, generator=generator())
    flips = DropQuery()._flips(rows, head, generator())
    levels = flips.unique().tolist()
    assert len(levels) > 2
    head.calls = 0
    picks = pick(DropQuery(), candidates(rows, head), 12)
    least = [min(int(flips[i]), 2) for i in picks]
    assert least == sorted(least, reverse=True)


def test_a_head_that_never_flips_leaves_medoids_of_all():
    rows = torch.eye(3).repeat_interleave(8, 0) * 9
    rows += 0.01 * torch.randn(24, 3, generator=generator())
    picks = pick(DropQuery(), candidates(rows, lambda z: torch.ones(len(z), 2)), 3)
    assert sorted(i // 8 for i in picks) == [0, 1, 2]


def test_duplicates_are_not_picked_while_others_that_flip_remain():
    rows = torch.cat([UNSTEADY[:1].repeat(9, 1), ROWS[10:13]])
    picks = pick(DropQuery(passes=51), candidates(rows, sign), 4)
    assert len({tuple(rows[i].tolist()) for i in picks}) == 4


def test_one_logit_is_that_of_the_second_of_two_classes():
    def one(z):
        return sign(z)[:, 1:] - sign(z)[:, :1]

    both = DropQuery()._flips(ROWS, sign, generator())
    assert both.any()
    assert DropQuery()._flips(ROWS, one, generator()).equal(both)


def test_the_features_stay_in_their_precision():
    head = torch.nn.Linear(40, 3).double()
    assert len(set(pick(DropQuery(), candidates(ROWS.double(), head), 5))) == 5


@pytest.mark.parametrize("head", [lambda z: z[0], lambda z: z.sum(1), lambda z: z[1:], list])
def test_a_head_that_returns_no_logits_is_an_error(head):
    with pytest.raises(PredictionError, match=r"the head must return logits \(30, C\)"):
        logits_of(head, ROWS)


def test_a_head_is_needed():
    given = Candidates(prediction=Prediction(features=ROWS))
    with pytest.raises(ConfigurationError, match="head="):
        pick(DropQuery(), given, 2)


@pytest.mark.parametrize("dropout", [0, 1, -0.1, 1.5, "half"])
def test_dropout_must_be_a_share(dropout):
    with pytest.raises(ConfigurationError, match="dropout must be"):
        DropQuery(dropout=dropout)


@pytest.mark.parametrize("passes", [0, 1.5, -3, True])
def test_passes_must_be_a_positive_integer(passes):
    with pytest.raises(ConfigurationError, match="passes must be"):
        DropQuery(passes=passes)


@pytest.mark.parametrize("task", ["multilabel", "regression"])
@pytest.mark.parametrize("selector", [DropQuery(), ALFAMix()], ids=repr)
def test_a_head_of_another_task_is_not_read_as_one_of_exclusive_classes(selector, task):
    kind = "values" if task == "regression" else "logits"
    ours = Prediction(kind=kind, features=ROWS, task=task)
    with pytest.raises(PredictionError, match=f'task of the model is "{task}". Compare features'):
        selector(Candidates(prediction=ours, head=sign), 3, generator())


def test_it_prints_as_it_is_made():
    assert repr(DropQuery()) == "DropQuery()"
    made = "DropQuery(space=Features('cosine'), dropout=0.5, passes=5)"
    assert repr(DropQuery(Features("cosine"), dropout=0.5, passes=5)) == made
