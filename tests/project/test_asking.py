"""Next samples of a project: typical ones, then uncertain ones, with the audit among them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError
from alkit.project.asking import Asking
from alkit.project.defaults import default_strategy, scaled
from alkit.project.order import AuditOrder


def test_a_fifth_of_the_answers_is_the_first_part_of_the_audit_order(small):
    small.label(60)
    whys = small.asking.whys
    audit = [index for index, why in whys.items() if why.startswith("audit")]
    assert len(whys) == 60
    assert len(audit) == 12
    prefix = small.order.prefix(small.pool.annotated_indices).samples.tolist()
    assert set(audit) <= set(prefix)
    assert [index for index in prefix if index in audit] == audit


def test_audit_samples_stand_at_changing_places_of_a_batch(make):
    places = set()
    for seed in range(12):
        batch = make(seed=seed).asking.batch(5)
        places |= {k for k, choice in enumerate(batch) if choice.why.startswith("audit")}
    assert places == {0, 1, 2, 3, 4}


def test_a_batch_changes_nothing_and_is_the_same_again(small):
    small.label(20)
    first = small.asking.batch(10)
    state = small.pool.state_dict()
    assert small.asking.batch(10) == first
    assert small.pool.state_dict() == state
    assert len({choice.index for choice in first}) == 10
    assert not set(small.pool.annotated_indices) & {choice.index for choice in first}


@pytest.mark.parametrize("seed", range(4))
def test_what_somebody_is_asked_about_is_left_out_and_counted(make, seed):
    small = make(seed=seed)
    small.label(10)
    first = small.asking.batch(7)
    second = small.asking.batch(8, [choice.index for choice in first])
    assert not {c.index for c in first} & {c.index for c in second}
    both = [choice.why.startswith("audit") for choice in first + second]
    assert sum(both[:5]) == sum(both[5:10]) == sum(both[10:]) == 1


def test_the_first_samples_are_typical_and_have_no_guess(small):
    batch = small.asking.batch(10)
    for choice in batch:
        start = "audit" if choice.why.startswith("audit") else "typical"
        assert choice.why.startswith(start)
        assert choice.guess is choice.certainty is choice.score is None
    typical = [choice.index for choice in batch if choice.why.startswith("typical")]
    assert set(small.y[typical]) == {0, 1, 2}
    assert "TypiClust()" in next(c.why for c in batch if c.index in typical)


def test_labels_of_one_class_are_followed_by_typical_samples(small):
    same = np.flatnonzero(small.y == 1)[:4]
    small.pool.annotate(same, ["dog"] * 4)
    assert not small.asking.fit()
    batch = small.asking.batch(10)
    typical = [choice for choice in batch if choice.why.startswith("typical")]
    assert len(typical) == 8
    assert "fewer than two classes" in typical[0].why or "no labels yet" in typical[0].why


def test_after_a_fit_the_strategy_chooses_and_its_guess_and_certainty_are_given(small):
    small.label(20)
    batch = small.asking.batch(10)
    chosen = [choice for choice in batch if not choice.why.startswith("audit")]
    drawn = [choice for choice in batch if choice.why.startswith("audit")]
    assert len(drawn) == 2
    assert all("UncertaintyHerding(bandwidth=1.0) of" in choice.why for choice in chosen)
    exclude = [choice.index for choice in drawn]
    query = small.asking.strategy.query(8, exclude=exclude)
    assert [choice.index for choice in chosen] == list(query)
    assert [choice.score for choice in chosen] == pytest.approx(query.scores)
    known = small.pool.annotated_indices
    model = LogisticRegression(C=1.0, max_iter=300).fit(small.x[known], small.y[known])
    p = model.predict_proba(small.x[[choice.index for choice in batch]])
    assert [small.pool.classes.index(choice.guess) for choice in batch] == p.argmax(1).tolist()
    assert [choice.certainty for choice in batch] == pytest.approx(p.max(1), abs=1e-4)


def test_guesses_come_in_the_order_of_the_indices(small):
    small.label(20)
    ids = np.array([70, 3, 44, 9])
    guesses, certainties = small.asking.guesses(ids)
    for k, index in enumerate(ids):
        guess, certainty = small.asking.guesses([index])
        assert (guess[0], certainty[0]) == (guesses[k], certainties[k])


def test_excluded_samples_are_not_asked_and_a_broken_audit_sample_is_passed_over(small):
    first = small.asking.order.samples[:2]
    small.pool.exclude(first, "broken")
    batch = small.asking.batch(10)
    audit = [choice.index for choice in batch if choice.why.startswith("audit")]
    assert audit == small.asking.order.samples[2:4].tolist()
    assert not set(first) & {choice.index for choice in batch}


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_tiny_pools_are_asked_about_to_the_end(make, n):
    tiny = make(n=n)
    batch = tiny.asking.batch(20)
    assert sorted(choice.index for choice in batch) == list(range(n))
    tiny.answer(batch)
    tiny.asking.fit()
    assert tiny.asking.batch(20) == []


@pytest.mark.parametrize("labeled", [0, 10])
def test_equal_samples_are_asked_about_too(labeled):
    x = np.zeros((30, 3), dtype=np.float32)
    names = [str(k) for k in range(30)]
    pool = al.ActiveLearningDataset(
        TensorDataset(torch.from_numpy(x)), names=names, classes=["a", "b"]
    )
    asking = Asking(pool, scaled(x), AuditOrder(names, 1))
    pool.annotate(np.arange(labeled), ["a", "b"] * (labeled // 2))
    asking.fit()
    assert len({choice.index for choice in asking.batch(20)}) == 20


def test_large_pools_are_chosen_from_at_random_and_the_reason_has_the_number(make):
    large = make(n=400, most=100)
    batch = large.asking.batch(10)
    assert "100 of 398 candidates drawn at random" in batch[0].why + batch[1].why + batch[2].why
    large.label(20)
    asked = []
    for _ in range(3):
        batch = large.asking.batch(10)
        asked += [choice.why for choice in batch if not choice.why.startswith("audit")]
        large.answer(batch)
    assert all("100 of " in why for why in asked)
    assert large.order.prefix(large.pool.annotated_indices).samples.size >= 10


def test_a_strategy_of_the_user_chooses_by_its_query(make):
    def margin(pool):
        return al.Strategy(al.Estimator(LogisticRegression(), 3), pool, al.Margin(), seed=5).build()

    own = make(strategy=margin)
    own.label(20)
    batch = own.asking.batch(10)
    drawn = [choice.index for choice in batch if choice.why.startswith("audit")]
    chosen = [choice for choice in batch if choice.index not in drawn]
    assert [c.index for c in chosen] == list(own.asking.strategy.query(8, exclude=drawn))
    assert chosen[0].why.startswith("chosen by TopK() of Margin()")


def test_an_untrained_network_does_not_choose(make):
    def network(pool):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        return al.Strategy(net, pool, seed=1).build()

    own = make(strategy=network, training={"max_steps": 20})
    batch = own.asking.batch(5)
    assert sum(choice.why.startswith("typical") for choice in batch) == 4
    own.label(10)
    batch = own.asking.batch(5)
    assert sum(choice.why.startswith("chosen by TopK()") for choice in batch) == 4
    assert all(choice.guess in own.pool.classes for choice in batch)


def test_scaling_keeps_the_shape_of_the_cloud():
    x = np.random.default_rng(0).normal(3, [1, 5, 0.1], (50, 3))
    found = scaled(x)
    assert found.dtype == np.float32
    assert np.allclose(found.mean(0), 0, atol=1e-5)
    assert np.sqrt((found**2).mean()) == pytest.approx(1, abs=1e-5)
    centered = x - x.mean(0)
    assert np.allclose(found / centered, found[0, 0] / centered[0, 0], rtol=1e-3)
    assert not scaled(np.ones((4, 2))).any()


def test_parts_that_do_not_fit_are_refused(small):
    with pytest.raises(ConfigurationError, match="one number"):
        Asking(small.pool, small.x[:5], small.order)
    other = default_strategy(al.ActiveLearningDataset(small.x, classes=["a", "b"]))
    with pytest.raises(ConfigurationError, match="around the pool of the project"):
        Asking(small.pool, small.x, small.order, strategy=other)
    with pytest.raises(ConfigurationError, match="classes="):
        Asking(al.ActiveLearningDataset(small.x), small.x, small.order)
    with pytest.raises(ConfigurationError, match="finite"):
        scaled([[1.0, np.nan]])
