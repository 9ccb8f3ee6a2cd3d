"""Picks that an oracle leaves unanswered stay unannotated, and are counted."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import LabelError
from alkit.querying.answering import without_unanswered

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")


@pytest.fixture
def strategy():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 2, generator=generator), torch.arange(40) % 3
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    pool.annotate_random(6, seed=0)
    return al.UncertaintyStrategy(nn.Linear(2, 3), al.Margin(), pool, seed=0).build()


@pytest.mark.parametrize("form", [list, tuple, lambda answers: np.array(answers, dtype=object)])
def test_the_others_are_annotated_in_their_round(strategy, form):
    expected = strategy.query(5).indices
    query = strategy.query_and_update(5, lambda ids: form([2, None, 0, None, 1]))
    assert query.indices.tolist() == expected.tolist()
    assert query.unanswered.tolist() == expected[[1, 3]].tolist()
    pool = strategy.train_pool
    assert pool.labels_of(expected[[0, 2, 4]]) == [2, 0, 1]
    assert (pool.rounds[expected[[0, 2, 4]]] == query.round).all()
    assert (pool.rounds[query.unanswered] == -1).all()
    assert "2 unanswered" in repr(query)


def test_the_answered_part_keeps_what_is_known_of_each_pick(strategy):
    query = strategy.query(4)
    whole, part, labels = without_unanswered(query, [None, 1, None, 2])
    assert labels == [1, 2]
    for name in "indices", "scores", "guesses":
        assert getattr(part, name).tolist() == getattr(query, name)[[1, 3]].tolist()
        assert getattr(whole, name) is getattr(query, name)
    assert (part.round, part.why, len(part)) == (query.round, query.why, 2)
    named = al.Query(np.array([3, 1, 2]), names=["c", "a", "b"], shares={"x": np.arange(3.0)})
    part = without_unanswered(named, (5, None, 6))[1]
    assert part.names == ["c", "b"]
    assert part.shares["x"].tolist() == [0, 2]


def silent(reason):
    def oracle(ids):
        return [None] * len(ids)

    oracle.reason = reason
    return oracle


def test_no_answer_to_any_changes_nothing(strategy):
    before = strategy.train_pool.state_dict()
    query = strategy.query_and_update(5, silent(None))
    assert len(query.unanswered) == 5
    with pytest.raises(LabelError, match=r"answered none of 5 picks.*oracle.reason"):
        strategy.query_and_update(5, lambda ids: [None] * 5)
    assert strategy.train_pool.state_dict() == before


def test_samples_without_an_answer_are_excluded_for_the_reason_of_the_oracle(strategy):
    pool = strategy.train_pool
    query = strategy.query_and_update(5, silent("unsure"))
    assert pool.excluded == dict.fromkeys(sorted(query.indices.tolist()), "unsure")
    abstaining = al.oracles.Abstaining(lambda ids: [1] * len(ids), 0.5, seed=0)
    query = strategy.query_and_update(6, abstaining)
    assert 0 < len(query.unanswered) < 6
    assert not set(query.unanswered) & set(pool.unannotated_indices)


def test_a_failing_validation_pool_undoes_only_what_this_query_has_annotated(strategy):
    unlabeled = al.ActiveLearningDataset([torch.zeros(2)] * 20)
    options = {"val_pool": unlabeled, "val_share": 0.5, "seed": 0}
    pool = strategy.train_pool
    new = al.UncertaintyStrategy(nn.Linear(2, 3), al.Margin(), pool, **options).build()
    before = pool.state_dict()
    for oracle in silent("unsure"), lambda ids: [1] * len(ids):
        with pytest.raises(LabelError, match="no label"):
            new.query_and_update(6, oracle)
        assert pool.state_dict() == before


def test_an_oracle_without_a_return_does_not_reveal_the_labels_of_the_dataset(strategy):
    with pytest.raises(LabelError, match="returned None in place of 3 labels"):
        strategy.query_and_update(3, lambda ids: None)
    assert strategy.train_pool.get_num_annotated() == 6


def test_answers_to_all_are_passed_on_as_they_are(strategy):
    query = strategy.query(3)
    for answers in [0, 1, 2], torch.tensor([0, 1, 2]), None, [0], [None], "abc", 3:
        passed = without_unanswered(query, answers)
        assert passed[0] is query
        assert passed[1] is query
        assert passed[2] is answers
    for wrong in [0], [None], [0, None, float("nan"), 1], [0, None, -1]:
        with pytest.raises(LabelError):
            strategy.query_and_update(3, lambda ids, wrong=wrong: wrong)
    assert strategy.train_pool.get_num_annotated() == 6
