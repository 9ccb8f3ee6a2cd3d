from collections import Counter

import numpy as np
import pytest
import scipy.stats
import torch

from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction
from alkit.selectors import Candidates, Features
from alkit.selectors.alfamix import ALFAMix, _class_means, _flips


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(features, head, known=None, labels=None):
    features, annotated = torch.as_tensor(features), None
    if known is not None:
        ids = len(features) + torch.arange(len(known))
        annotated = Prediction(features=torch.as_tensor(known), ids=ids)
        labels = torch.as_tensor(labels)
    return Candidates(None, Prediction(features=features), annotated, labels, head)


def pick(selector, given, n, seed=0):
    return selector(given, n, generator(seed)).positions.tolist()


def heads():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = torch.nn.Linear(6, 4)
        deep = torch.nn.Sequential(torch.nn.Linear(6, 20), torch.nn.Tanh(), torch.nn.Linear(20, 4))
    return {"linear": linear.double(), "deep": deep.double()}


def by_the_formula(head, features, anchors, epsilon):
    """Reference, row by row, with alpha as in the paper and features in float64."""
    flipped = []
    for z in features:
        z = z.clone().requires_grad_()
        logits = head(z[None])
        guess = logits.argmax(1)
        (g,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, guess), z)
        changes = []
        for anchor in anchors:
            difference = (anchor - z).detach()
            length = epsilon / len(z) ** 0.5 * difference.norm()
            alpha = length * g / g.norm() / difference
            mixed = alpha * anchor + (1 - alpha) * z.detach()
            changes.append(int(head(mixed[None]).argmax(1)) != int(guess))
        flipped.append(any(changes))
    return flipped


@pytest.mark.parametrize("name", ["linear", "deep"])
@pytest.mark.parametrize("epsilon", [0.05, 0.2])
def test_what_flips_is_what_flips_by_the_formula(name, epsilon):
    head = heads()[name]
    features = torch.randn(120, 6, generator=generator(1)).double()
    anchors = 2 * torch.randn(4, 6, generator=generator(2)).double()
    expected = by_the_formula(head, features, anchors, epsilon)
    assert 5 < sum(expected) < 115
    assert _flips(head, features, anchors, epsilon / 6**0.5).tolist() == expected


def test_features_in_which_both_agree_stay_and_nothing_explodes():
    seen = []

    def head(z):
        seen.append(z.detach())
        return torch.stack([z[:, 0] + z[:, 1], -z[:, 0] - z[:, 1]], 1)

    z = torch.tensor([[1.0, 2, 3], [1 + 1e-7, 2, 3]])
    _flips(head, z, torch.tensor([[1.0, 7, 3]]), 0.1)
    mixed = seen[-1]
    assert mixed[0, 0] == 1  # agrees with the anchor
    assert mixed[0, 1] == pytest.approx(2 - 0.5 * 0.5**0.5)
    assert mixed[1, 0] == pytest.approx(1 - 0.5 * 0.5**0.5)  # where the paper divides by 1e-7
    assert mixed[:, 2].tolist() == [3, 3]


def test_a_guess_without_doubt_has_no_gradient_and_does_not_flip():
    z = torch.tensor([[1e4, 0.0], [1e-3, 0]])
    flips = _flips(lambda z: torch.cat([z[:, :1], -z[:, :1]], 1), z, torch.tensor([[-5.0, 9]]), 1.0)
    assert flips.tolist() == [False, True]


def test_an_anchor_is_the_mean_of_a_class_that_there_is():
    features = torch.tensor([[0.0, 2], [4, 4], [2, 0]]).half()
    means = _class_means(features, torch.tensor([7, 3, 7]))
    assert means.tolist() == [[4, 4], [1, 1]]
    assert means.dtype == torch.float32


def boundary(z):
    return torch.cat([z[:, :1], -z[:, :1]], dim=1)


# rows 0 to 39 lie next to the boundary at 0, in two places; 40 to 59 far from it
PLACE = torch.arange(60) // 20 % 2 * 8.0
FEATURES = torch.stack([torch.where(torch.arange(60) < 40, 0.01, 90.0), PLACE], dim=1)
FEATURES = FEATURES + 1e-3 * torch.randn(60, 2, generator=generator(5))
KNOWN, LABELS = torch.tensor([[-1.0, 4], [1, 4]]), torch.tensor([1, 0])


def test_medoids_of_what_flips_are_picked():
    given = candidates(FEATURES, boundary, KNOWN, LABELS)
    picks = pick(ALFAMix(Features()), given, 2)
    assert sorted(i // 20 for i in picks) == [0, 1]


def test_where_too_few_flip_others_are_picked_at_random():
    rows = torch.cat([FEATURES[:3], FEATURES[40:50]])
    given = candidates(rows, boundary, KNOWN, LABELS)
    counts = Counter()
    for seed in range(300):
        picks = pick(ALFAMix(), given, 5, seed)
        assert set(picks[:3]) == {0, 1, 2}
        assert len(set(picks)) == 5
        counts.update(picks[3:])
    assert len(counts) == 10
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-4


@pytest.mark.parametrize("known", [None, torch.zeros(0, 2)])
def test_the_picks_are_random_where_nothing_is_annotated(known):
    labels = None if known is None else torch.zeros(0, dtype=torch.long)
    given = candidates(FEATURES, boundary, known, labels)
    firsts = np.bincount([pick(ALFAMix(), given, 1, seed)[0] for seed in range(600)], minlength=60)
    assert scipy.stats.chisquare(firsts).pvalue > 1e-4


def test_all_are_picked_where_n_is_all():
    given = candidates(FEATURES, boundary, KNOWN, LABELS)
    assert sorted(pick(ALFAMix(), given, 60)) == list(range(60))


@pytest.mark.parametrize(
    "head",
    [
        torch.no_grad()(boundary),
        lambda z: boundary(z.detach()),
        lambda z: torch.tensor(z.detach().numpy()),
        lambda z: torch.ones(len(z), 3),
    ],
    ids=["no_grad", "detach", "numpy", "constant"],
)
def test_a_head_without_a_gradient_is_an_error(head):
    with pytest.raises(ConfigurationError, match="gradient of the head"):
        pick(ALFAMix(), candidates(FEATURES, head, KNOWN, LABELS), 2)


def test_a_head_that_returns_no_logits_is_an_error():
    with pytest.raises(PredictionError, match="must return logits"):
        pick(ALFAMix(), candidates(FEATURES, lambda z: z.sum(1), KNOWN, LABELS), 2)


def test_gradients_are_left_alone_and_those_who_switched_them_off_are_served():
    head = torch.nn.Linear(2, 3)
    given = candidates(FEATURES, head, KNOWN, LABELS)
    expected = pick(ALFAMix(), given, 9)
    assert head.weight.grad is None
    assert not FEATURES.requires_grad
    with torch.no_grad():
        assert pick(ALFAMix(), given, 9) == expected
    with torch.inference_mode():
        inner = candidates(FEATURES.clone(), head, KNOWN.clone(), LABELS)
        assert pick(ALFAMix(), inner, 9) == expected


def test_labels_of_the_annotated_are_needed():
    annotated = Prediction(features=KNOWN, ids=torch.tensor([90, 91]))
    given = Candidates(None, Prediction(features=FEATURES), annotated, None, boundary)
    with pytest.raises(ConfigurationError, match="labels"):
        pick(ALFAMix(), given, 2)


@pytest.mark.parametrize("epsilon", [0, -0.2, float("inf"), "0.2"])
def test_epsilon_must_be_above_zero(epsilon):
    with pytest.raises(ConfigurationError, match="epsilon must be a number above 0"):
        ALFAMix(epsilon=epsilon)


def test_it_prints_as_it_is_made():
    assert repr(ALFAMix()) == "ALFAMix()"
    assert repr(ALFAMix(Features(), epsilon=1)) == "ALFAMix(space=Features(), epsilon=1)"
