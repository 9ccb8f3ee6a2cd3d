"""BatchBALD against greedy search over sums of all joint labels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

import alkit as al
from alkit.criteria import BALD
from alkit.errors import ConfigurationError, NotEnoughMemoryError, PredictionError
from alkit.selectors.batchbald import BatchBALD


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def samples(N, K, C, seed=0, scale=2.0):
    return (scale * torch.randn(N, K, C, generator=generator(seed))).softmax(-1)


def picks_of(p, n, seed=0, **options):
    prediction = al.Prediction(p, kind="probabilities")
    picks = BatchBALD(**options)(al.Candidates(prediction=prediction), n, generator(seed))
    return picks.positions.tolist()


def information(p, batch):
    """Information of the labels of a batch and the samples: joint minus mean entropy."""
    p = p.double().numpy()[batch]
    K, C = p.shape[1:]
    joint = [
        np.prod([p[i, :, y] for i, y in enumerate(ys)], axis=0).mean()
        for ys in np.ndindex(*[C] * len(p))
    ]
    return entropy(joint) - entropy(p, axis=-1).sum() / K


def textbook(p, n):
    batch = []
    for _ in range(n):
        others = [i for i in range(len(p)) if i not in batch]
        batch.append(max(others, key=lambda i: information(p, [*batch, i])))
    return batch


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(2, 4), st.integers(1, 5), st.integers(0, 10**6))
def test_the_picks_are_those_of_the_greedy_search(K, C, n, seed):
    p = samples(9, K, C, seed)
    assert picks_of(p, n) == textbook(p, n)


def test_bounds_by_groups_change_no_pick(monkeypatch):
    p = samples(60, 12, 4, scale=3)
    expected = textbook(p, 5)
    for levels in ((), (1,), (2, 8, 24)):
        monkeypatch.setattr("alkit.selectors.batchbald.LEVELS", levels)
        assert picks_of(p, 5) == expected


def test_few_candidates_are_compared_exactly(monkeypatch):
    from alkit.selectors.geometry.joint import Joint

    seen, gains = [], Joint.gains
    monkeypatch.setattr(
        Joint,
        "gains",
        lambda joint, p, own: seen.append((len(joint), len(p))) or gains(joint, p, own),
    )
    picks_of(samples(2000, 10, 10), 5)
    assert sum(rows for configurations, rows in seen if configurations == 10_000) < 100


def test_the_first_pick_is_that_of_bald():
    p = samples(500, 10, 5)
    assert picks_of(p, 1) == [int(BALD()(al.Prediction(p, kind="probabilities")).argmax())]


def test_drawn_configurations_find_a_batch_as_good_as_all_of_them():
    p = samples(40, 8, 4)
    expected = information(p, textbook(p, 5))
    for seed in range(5):
        found = information(p, picks_of(p, 5, seed, configurations=100))
        assert found > 0.99 * expected


def test_a_redundant_pair_is_worth_less_than_one_that_is_not():
    half, sure = torch.tensor([[0.9, 0.1], [0.1, 0.9]]), torch.tensor([[0.95, 0.05], [0.05, 0.95]])
    first, alike, other = half[[0, 0, 1, 1]], sure[[0, 0, 1, 1]], half[[0, 1, 0, 1]]
    assert picks_of(torch.stack([first, alike, other]), 2) == [1, 2]


@pytest.mark.parametrize("copies", [2, 3])
def test_a_vector_is_not_picked_twice_while_others_remain(copies):
    p = samples(6, 5, 3).repeat(copies, 1, 1)
    picks = picks_of(p, 6 * copies)
    assert sorted(pick % 6 for pick in picks[:6]) == list(range(6))
    assert sorted(picks) == list(range(6 * copies))


def test_one_posterior_sample_is_an_error():
    with pytest.raises(PredictionError, match=r"\(K = 1\)"):
        picks_of(samples(10, 1, 3), 2)


def test_where_nothing_is_gained_the_rest_is_random_but_for_repeats():
    p = samples(10, 1, 3).repeat(2, 4, 1)
    first = [picks_of(p, 10, seed) for seed in range(40)]
    assert all(sorted(pick % 10 for pick in picks) == list(range(10)) for picks in first)
    assert len({picks[0] for picks in first}) > 10


def test_ties_are_broken_by_the_generator():
    p = samples(1, 5, 3)
    turned = torch.cat([p, p.roll(1, -1), p.roll(2, -1)])  # as informative, but not equal
    first = [picks_of(turned, 3, seed)[0] for seed in range(60)]
    assert min(first.count(row) for row in range(3)) > 8


def test_informative_candidates_come_before_the_others():
    nothing, some = samples(8, 1, 3).repeat(1, 5, 1), samples(3, 5, 3, seed=1)
    picks = picks_of(torch.cat([nothing, some]), 6)
    assert sorted(picks[:3]) == [8, 9, 10]


def test_one_hot_samples_are_finite_and_told_apart_once():
    sure = torch.eye(3)[torch.tensor([[0, 1, 2], [0, 0, 1], [2, 2, 2], [1, 2, 0]])]
    picks = picks_of(sure, 4)
    assert picks[0] in (0, 3)  # either tells all three samples apart
    assert sorted(picks) == [0, 1, 2, 3]


def test_all_kinds_of_outputs_and_one_column_are_taken():
    z = 2 * torch.randn(50, 6, 1, generator=generator())
    pair = torch.cat([torch.zeros_like(z), z], -1)
    kinds = [(z, "logits"), (pair, "logits"), (pair.log_softmax(-1), "log_probabilities")]
    picks = [
        BatchBALD()(
            al.Candidates(prediction=al.Prediction(*kind(k))), 5, generator()
        ).positions.tolist()
        for k in kinds
        for kind in [lambda k: (k[0], None, k[1])]
    ]
    assert picks[0] == picks[1] == picks[2]


def test_neither_the_order_of_samples_classes_or_candidates_nor_the_type_matters():
    p = samples(80, 7, 4)
    picks = picks_of(p, 5)
    assert picks_of(p.flip(1).roll(1, -1), 5) == picks
    assert picks_of(p.double(), 5) == picks
    assert [79 - pick for pick in picks_of(p.flip(0), 5)] == picks


def test_threads_and_blocks_do_not_change_the_picks(monkeypatch):
    p = samples(100, 6, 5)
    picks, threads = picks_of(p, 4), torch.get_num_threads()
    monkeypatch.setattr("alkit.selectors.batchbald.MANY", 37)
    monkeypatch.setattr("alkit.selectors.batchbald.FEW", 3)
    torch.set_num_threads(2)
    try:
        assert picks_of(p, 4) == picks
    finally:
        torch.set_num_threads(threads)


def test_select_takes_arrays():
    p = samples(50, 6, 3).numpy()
    query = al.select(4, probabilities=p, selector=al.selectors.BatchBALD(), seed=0)
    assert list(query) == textbook(torch.from_numpy(p), 4)
    assert query.why == "BatchBALD()"


def test_features_alone_are_not_enough():
    with pytest.raises(PredictionError, match="probabilities"):
        al.select(2, embeddings=np.ones((5, 2), np.float32), selector=al.selectors.BatchBALD())


@pytest.mark.parametrize("wrong", [0, 1.5, "many", None])
def test_a_wrong_number_of_configurations_raises(wrong):
    with pytest.raises(ConfigurationError, match="configurations"):
        BatchBALD(configurations=wrong)


def test_what_does_not_fit_into_memory_raises_at_once():
    with pytest.raises(NotEnoughMemoryError, match="2 candidates, 4 posterior samples"):
        picks_of(samples(2, 4, 3), 1, configurations=10**12)


def test_its_repr_is_its_call():
    assert repr(BatchBALD()) == "BatchBALD()"
    assert repr(BatchBALD(configurations=500)) == "BatchBALD(configurations=500)"
