"""All oracles: plain functions of dataset indices, repeatable, whatever they are asked with."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit import oracles
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.oracles.answers import uniform

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")

MAKE = {
    "Reveal": lambda reveal: reveal,
    "Noisy": lambda reveal: oracles.Noisy(reveal, 0.4, classes=3, seed=1),
    "Abstaining": lambda reveal: oracles.Abstaining(reveal, 0.4, seed=1),
    "Costly": lambda reveal: oracles.Costly(reveal, 2.5),
    "Committee": lambda reveal: oracles.Committee(
        {str(k): oracles.Noisy(reveal, 0.5, classes=3, seed=k) for k in range(3)}
    ),
    "Model": lambda reveal: oracles.Model(
        lambda ids: (reveal(ids), np.where(ids % 2, 0.95, 0.5)), confidence=0.9
    ),
}


@pytest.fixture(params=MAKE)
def make(request, dataset):
    return lambda: MAKE[request.param](oracles.Reveal(dataset))


def test_a_sample_gets_the_same_answer_alone_among_others_and_again(make):
    oracle = make()
    answers = oracle(range(60))
    assert oracle(range(60)) == answers
    fresh = make()
    order = np.random.default_rng(0).permutation(60)
    assert [fresh([index])[0] for index in order] == [answers[index] for index in order]
    assert make()(torch.tensor([5, 3, 5])) == [answers[5], answers[3], answers[5]]
    assert make()([]) == []
    assert all(answer is None or type(answer) is int for answer in answers)


def test_a_strategy_and_a_loop_take_it(make, dataset):
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate_random(6, seed=0)
    strategy = al.UncertaintyStrategy(nn.Linear(2, 3), al.Margin(), pool, seed=0).build()
    oracle = make()
    query = strategy.query_and_update(20, oracle)
    answers = oracle(query.indices)
    expected = [index for index, y in zip(query, answers, strict=True) if y is None]
    assert query.unanswered.tolist() == expected
    answered = np.setdiff1d(query.indices, query.unanswered)
    assert sorted(pool.labels_of(answered)) == sorted(y for y in answers if y is not None)
    assert not np.isin(query.unanswered, pool.annotated_indices).any()


def test_its_text_has_its_name_and_it_can_be_copied(make):
    oracle = make()
    assert repr(oracle).startswith(type(oracle).__name__)
    if type(oracle) is not oracles.Model:  # a lambda that closes over the dataset
        assert copy.deepcopy(oracle)(range(9)) == oracle(range(9))


def test_what_is_not_a_list_of_indices_or_an_oracle_is_refused(make, dataset):
    for wrong in 3, ["a"], [[1, 2]], [0.5]:
        with pytest.raises(SampleIndexError, match="dataset indices"):
            make()(wrong)
    for wrong in None, [1, 2]:
        with pytest.raises(ConfigurationError, match="oracle"):
            oracles.Abstaining(wrong, 0.1)


def test_the_numbers_are_uniform_and_differ_by_purpose_and_seed():
    drawn = uniform(0, "noisy", np.arange(4000))
    assert ((drawn >= 0) & (drawn < 1)).all()
    counts = np.histogram(drawn, 10, (0, 1))[0]
    assert abs(counts - 400).max() < 80
    for other in uniform(1, "noisy", np.arange(4000)), uniform(0, "else", np.arange(4000)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.06
