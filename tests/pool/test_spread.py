import numpy as np

from alkit.pool.spread import Spread


def test_the_expected_number_of_classes_is_that_of_random_draws():
    shares = np.array([0.5, 0.3, 0.1, 0.05, 0.05])
    candidates = np.repeat(np.arange(5), (shares * 1000).astype(int))
    spread = Spread.of(np.array([0, 0, 1, 1, 0, 0, 0, 0]), candidates)
    exact = (1 - (1 - shares) ** 8).sum()
    assert abs(spread.expected - exact) < 0.15
    assert spread.classes == 2
    assert str(spread).startswith("the picks are guessed to be of 2 classes, 8 random candidates")


def test_picks_of_far_fewer_classes_are_narrow_and_others_are_not():
    candidates = np.arange(1000) % 10
    assert Spread.of(np.zeros(20, int), candidates).narrow
    assert Spread.of(np.arange(20) % 4, candidates).narrow
    assert not Spread.of(np.arange(20) % 6, candidates).narrow
    assert not Spread.of(np.arange(20), candidates).narrow
    assert not Spread.of(np.zeros(2, int), candidates).narrow  # two may be of one class by chance
    assert not Spread.of(np.zeros(20, int), np.zeros(50, int)).narrow
    rare = np.repeat([0, 1], [995, 5])
    assert not Spread.of(np.zeros(20, int), rare).narrow


def test_random_picks_are_hardly_ever_narrow():
    rng = np.random.default_rng(0)
    candidates = rng.choice(10, 2000, p=[0.5, *[0.5 / 9] * 9])
    found = [Spread.of(rng.choice(candidates, 15, replace=False), candidates) for _ in range(300)]
    assert sum(spread.narrow for spread in found) <= 2


def test_guesses_of_another_form_have_no_spread():
    assert Spread.of(np.zeros((3, 2)), np.zeros((9, 2))) is None
    assert Spread.of(np.zeros(0), np.zeros(9)) is None
