import itertools
import subprocess
import sys

import lightning as L
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError
from alkit.seeds import check_seed, derive, fresh_seed, generator

seeds = st.integers(0, 2**63 - 1)
purposes = st.lists(st.text(max_size=5) | st.integers(0, 2**32 - 1), max_size=3).map(tuple)


def test_derived_seeds_never_change_from_version_to_version():
    assert derive(7, "order", 3) == 949240232832085995
    assert derive(0) == 7896617691693857887


@given(seeds, purposes)
def test_the_same_purpose_gives_the_same_seed_and_it_fits_torch(seed, purpose):
    derived = derive(seed, *purpose)
    assert type(derived) is int
    assert 0 <= derived < 2**63
    assert derived == derive(seed, *purpose)
    assert generator(seed, *purpose).initial_seed() == derived


@given(st.tuples(seeds, purposes), st.tuples(seeds, purposes))
def test_different_purposes_give_different_seeds(one, other):
    assert (derive(one[0], *one[1]) == derive(other[0], *other[1])) == (one == other)


def test_a_purpose_with_a_round_of_zero_is_another_purpose():
    variants = [(), (0,), (0, 0), ("order",), ("order", 0), ("order", 0, 0), ("order", 1)]
    assert len({derive(seed, *purpose) for seed in (0, 1, 2**32) for purpose in variants}) == 21


def test_the_order_of_the_purpose_matters():
    orders = list(itertools.permutations(["a", "b", 1]))
    assert len({derive(5, *order) for order in orders}) == len(orders)


def test_numpy_integers_are_integers():
    assert derive(np.int64(7), "order", np.int64(3)) == derive(7, "order", 3)


def test_generators_of_two_purposes_draw_different_numbers():
    a, b = (torch.rand(1000, generator=generator(3, name)) for name in ("order", "select"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1


def test_a_generator_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    torch.rand(3, generator=generator(3, "order"))
    assert torch.equal(before, torch.get_rng_state())


def test_fresh_seeds_differ_and_fit_torch():
    drawn = {fresh_seed() for _ in range(100)}
    assert len(drawn) == 100
    for seed in drawn:
        assert torch.Generator().manual_seed(seed).initial_seed() == seed


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1, np.int64(3)])
def test_a_seed_is_an_integer_that_fits_torch(seed):
    assert check_seed(seed) == seed


@pytest.mark.parametrize("seed", ["a", 1.5, -1, True, None, 2**63, 2**70, float("nan")])
def test_any_other_seed_is_refused(seed):
    with pytest.raises(ConfigurationError, match="seed must be an integer from 0"):
        check_seed(seed)


@pytest.fixture
def global_generator():
    with torch.random.fork_rng():
        yield torch.default_generator


def test_a_seeded_generator_gives_the_same_fresh_seeds_again_and_is_not_advanced(global_generator):
    def run():
        torch.manual_seed(0)
        first = [fresh_seed(), fresh_seed()]
        weights = torch.rand(3)
        return [*first, fresh_seed(), weights.tolist(), torch.rand(3).tolist()]

    torch.manual_seed(0)
    expected = [torch.rand(3).tolist(), torch.rand(3).tolist()]
    one = run()
    assert one == run() == run()
    assert one[3:] == expected
    assert len(set(one[:3])) == 3
    torch.manual_seed(1)
    assert fresh_seed() not in one


def test_seeding_twice_without_a_draw_in_between_starts_again(global_generator):
    torch.manual_seed(5)
    first, second = fresh_seed(), fresh_seed()
    torch.manual_seed(5)
    assert (fresh_seed(), fresh_seed()) == (first, second)


def test_moving_and_returning_starts_again_where_torch_does_not_note_its_seeding(
    global_generator, monkeypatch
):
    monkeypatch.setattr("alkit.seeds._last_seeding", lambda: None)
    torch.manual_seed(5)
    first, moved = fresh_seed(), (torch.rand(1), fresh_seed())[1]
    torch.manual_seed(5)
    assert (fresh_seed(), (torch.rand(1), fresh_seed())[1]) == (first, moved)


def test_processes_that_were_never_seeded_differ():
    code = "from alkit.seeds import fresh_seed; print(fresh_seed())"
    drawn = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(drawn) == 2


def test_what_draws_without_a_seed_repeats_after_seed_everything(global_generator):
    data = TensorDataset(torch.rand(60, 2, generator=generator(0)), torch.arange(60) % 3)

    def run():
        L.seed_everything(3, verbose=False)
        pool = al.ActiveLearningDataset(data)
        found = [pool.annotate_random(5).tolist(), pool.annotate_random(5).tolist()]
        some = {"embeddings": torch.eye(30), "selector": al.Random()}
        found += [al.select(5, **some).indices.tolist() for _ in range(2)]
        strategies = [al.UniformStrategy(torch.nn.Linear(2, 3), pool).build() for _ in range(2)]
        weights = torch.rand(3).tolist()
        return [*found, *(s.query(5).indices.tolist() for s in strategies), weights]

    one = run()
    assert one == run()
    assert one[2] != one[3]
    assert one[4] != one[5]
    assert al.ActiveLearningDataset(data).annotate_random(5, seed=1).tolist() == (
        al.ActiveLearningDataset(data).annotate_random(5, seed=1).tolist()
    )
