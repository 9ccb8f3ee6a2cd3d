import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
from alkit.errors import ConfigurationError, ScoreError
from alkit.selectors.candidates import Candidates
from alkit.selectors.coral import Coral
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.geometry.points import Points
from alkit.selectors.kcenter import KCenter
from alkit.selectors.spaces import Features
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def select(scores, rows, known, n, seed=0, selector=None):
    annotated = None if known is None else al.Prediction(features=known)
    prediction = al.Prediction(features=rows)
    candidates = Candidates(scores, prediction=prediction, annotated=annotated)
    return (selector or Coral())(candidates, n, generator(seed)).positions.tolist()


def textbook(scores, rows, known, n):
    scores, rows = scores.double().numpy(), rows.double().numpy()
    distances = 1 if known is None else cdist(rows, known.double().numpy()).min(1)
    picks = []
    for _ in range(n):
        picks.append(int((scores * distances).argmax()))
        fresh = cdist(rows, rows[picks[-1:]])[:, 0]
        distances = fresh if np.isscalar(distances) else np.minimum(distances, fresh)
    return picks


def test_it_keeps_the_laws():
    check_selector(Coral())


@pytest.mark.parametrize("known", [0, 40])
@pytest.mark.parametrize("block", [9, 1024])
def test_the_picks_have_the_highest_score_times_distance(known, block):
    rows, scores = gaussian(1500, 16), torch.rand(1500, generator=generator(3)) ** 3
    centers = gaussian(known, 16, seed=1) if known else None
    points = Points((rows,)), None if centers is None else Points((centers,))
    picks = farthest_first(*points, 90, generator(), weights=scores, block=block).tolist()
    assert picks == textbook(scores, rows, centers, 90)
    assert picks == select(scores, rows, centers, 90)


def test_equal_scores_give_the_picks_of_k_center():
    rows, known = gaussian(300, 8), gaussian(10, 8, seed=1)
    picks = select(torch.full((300,), 0.25), rows, known, 40)
    assert picks == select(torch.ones(300), rows, known, 40, selector=KCenter())


def test_only_the_ratios_of_scores_matter():
    rows, known, scores = gaussian(200, 8), gaussian(5, 8, seed=1), torch.rand(200)
    assert select(scores * 4, rows, known, 30) == select(scores, rows, known, 30)


def test_with_nothing_annotated_the_highest_score_is_first():
    scores = torch.tensor([0.1, 0.9, 0.3])
    assert select(scores, torch.tensor([[0.0], [1.0], [9.0]]), None, 2) == [1, 2]


def test_candidates_of_score_zero_follow_in_the_order_of_k_center():
    rows = torch.tensor([[0.0], [1], [2], [9], [9], [30]])
    scores = torch.tensor([0.0, 1, 0, 0, 0, 0])
    for seed in range(10):
        picks = select(scores, rows, torch.tensor([[0.5]]), 6, seed=seed)
        assert picks[:2] == [1, 5]
        assert picks[2] in (3, 4)
        assert picks[3:5] == [2, 0]


def test_with_no_score_above_zero_the_picks_are_those_of_k_center():
    rows, known = gaussian(50, 3), gaussian(4, 3, seed=1)
    zeros = torch.zeros(50)
    assert select(zeros, rows, known, 20) == select(zeros, rows, known, 20, selector=KCenter())
    firsts = {select(zeros, rows, None, 1, seed=seed)[0] for seed in range(40)}
    assert len(firsts) > 10


def test_a_high_score_does_not_pick_a_duplicate_while_others_remain():
    rows = torch.tensor([[0.0], [0.0], [1.0], [2.0]])
    picks = select(torch.tensor([100.0, 99.0, 1e-6, 1e-6]), rows, None, 3)
    assert picks in ([0, 3, 2], [0, 2, 3])


def test_negative_scores_are_an_error():
    with pytest.raises(ScoreError, match=r"must not be negative: the lowest is -0\.5"):
        select(torch.tensor([0.1, -0.5]), gaussian(2, 2), None, 1)


def test_it_reads_as_it_is_made_and_says_what_it_needs():
    assert repr(Coral()) == "Coral()"
    assert repr(Coral(Features("cosine"))) == "Coral(space=Features('cosine'))"
    assert Coral().needs == {"scores", "features", "annotated"}
    with pytest.raises(ConfigurationError, match="space must be a Space"):
        Coral("cosine")
