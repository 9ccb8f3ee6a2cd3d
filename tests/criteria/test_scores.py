import pytest
import torch

import alkit as al
from alkit.criteria import as_criterion
from alkit.errors import NonFiniteError, ScoreError

PREDICTION = al.Prediction(torch.randn(4, 3), ids=torch.tensor([30, 10, 20, 40]))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.zeros(4, 1), r"\(4,\), got the shape \(4, 1\)"),
        (torch.zeros(3), r"got the shape \(3,\)"),
        (torch.tensor(0.0), r"got the shape \(\)"),
        (torch.zeros(4, dtype=torch.long), r"got torch.int64"),
        (torch.zeros(4, dtype=torch.bool), r"got torch.bool"),
        (torch.zeros(4).half(), r"got torch.float16"),
        ([0.0] * 4, "got list"),
        (None, "got NoneType"),
    ],
)
def test_scores_that_are_not_one_float_per_candidate_name_the_criterion(scores, message):
    def mine(prediction):
        return scores

    with pytest.raises(ScoreError, match=f"mine must return .*{message}"):
        as_criterion(mine)(PREDICTION)
    with pytest.raises(ScoreError, match="mine must return"):
        (al.Margin() + as_criterion(mine))(PREDICTION)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_scores_that_are_not_finite_name_the_criterion_and_the_sample(bad):
    def mine(prediction):
        return torch.tensor([0.0, bad, bad, 0.0])

    with pytest.raises(NonFiniteError, match=r"mine .* 2 of 4 samples \(the first: sample 10\)"):
        al.Rank(mine)(PREDICTION)


def test_scores_of_a_criterion_that_learns_carry_no_gradient():
    weight = torch.ones(3, requires_grad=True)

    def mine(prediction):
        return prediction.mean_probabilities @ weight

    assert not as_criterion(mine)(PREDICTION).requires_grad
    assert not al.Rank(1 + 2 * as_criterion(mine))(PREDICTION).requires_grad
