"""A stream that was saved continues as if it had never stopped, or its file is refused."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, FolderError
from alkit.loop import Stream
from alkit.loop.rules import Split, VariableUncertainty

CPU = {"accelerator": "cpu"}


def data(n=90, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator)
    return TensorDataset(x, (x[:, 0] > x[:, 1]).long())


def make(rule=None, *, items=None, budget=0.2, width=6, seed=7, inputs=None):
    pool = al.ActiveLearningDataset(data(20, 0) if items is None else items)
    pool.annotate_random(8, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(2, width), torch.nn.ReLU(), torch.nn.Linear(width, 2)
        )
    options = {"seed": seed, "batch_size": 8, "inputs": inputs}
    strategy = al.Strategy(net, pool, al.Margin(), **options).build()
    return Stream(strategy, budget, rule, retrain_every=5, max_steps=4, trainer=CPU)


def sometimes(numbers):
    return [None if number % 3 == 0 else int(data()[number][1]) for number in numbers]


def follow(stream, start, stop):
    asked = []
    for decisions in stream.over(islice(data(), start, stop), sometimes, batch_size=3):
        asked += decisions.asked.tolist()
    return asked


def state(stream):
    pool = stream.strategy.train_pool
    return (
        stream.decider.state_dict(),
        {number: x.tolist() for number, x in stream.waiting.items()},
        stream.labeled,
        pool.state_dict(),
        [x.tolist() for x, _ in (pool.annotated[k] for k in range(len(pool.annotated)))],
        {name: value.tolist() for name, value in stream.strategy.module.state_dict().items()},
        stream.strategy.fits,
    )


@pytest.mark.parametrize("rule", [None, VariableUncertainty(), Split()], ids=repr)
@pytest.mark.parametrize("stop", [3, 45])
def test_a_stream_continues_from_its_file_as_if_it_had_not_stopped(tmp_path, rule, stop):
    whole = make(rule)
    expected = follow(whole, 0, 90)
    first = make(rule)
    asked = follow(first, 0, stop)
    first.save(tmp_path / "stream.pt")
    second = make(rule, seed=99).load(tmp_path / "stream.pt")
    assert state(second) == state(first)
    assert asked + follow(second, second.seen, 90) == expected
    assert state(second) == state(whole)
    assert whole.strategy.fits > 1


def test_arrays_texts_and_dicts_of_them_are_saved_as_they_were(tmp_path):
    items = [
        {"array": np.float32([k, 1]), "text": f"no. {k}", "label": k % 2, "pair": (k, [k])}
        for k in range(20)
    ]
    stream = make(items=items, budget=1, inputs="array")
    new = [{**item, "label": None} for item in items]
    stream.offer(new[:6])
    stream.label([1, 3], [0, 1])
    stream.save(tmp_path / "stream.pt")
    other = make(items=items, budget=1, inputs="array")
    other.load(tmp_path / "stream.pt")
    x, kept = other.waiting[5], stream.waiting[5]
    assert x["array"].dtype == np.float32
    assert x["array"].tolist() == kept["array"].tolist()
    assert (x["text"], x["pair"]) == ("no. 5", (5, [5]))
    assert other._new[1][0] == 3


def test_an_input_that_is_an_object_cannot_be_saved_and_an_older_file_is_kept(tmp_path):
    path = tmp_path / "stream.pt"
    stream = make()
    stream.save(path)
    before = path.read_bytes()
    stream.waiting[0] = object()
    with pytest.raises(ConfigurationError, match="tensors, arrays"):
        stream.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "other",
    [
        lambda: make(budget=0.3),
        lambda: make(VariableUncertainty()),
        lambda: make(width=5),
        lambda: make(items=data(21, 0)),
        lambda: make(items=data(20, 5)),
    ],
    ids=["budget", "rule", "network", "length", "data"],
)
def test_the_file_of_another_stream_is_refused_and_changes_nothing(tmp_path, other):
    stream = make()
    follow(stream, 0, 60)
    stream.save(tmp_path / "stream.pt")
    new = other()
    pool, before = new.strategy.train_pool, state(new)
    with pytest.raises(ConfigurationError):
        new.load(tmp_path / "stream.pt")
    assert new.strategy.train_pool is pool
    assert state(new) == before


def test_the_message_names_the_file_that_was_given(tmp_path):
    make().save(tmp_path / "monday.pt")
    with pytest.raises(ConfigurationError, match=r"monday\.pt is of another strategy"):
        make(width=5).load(tmp_path / "monday.pt")


def test_a_damaged_or_missing_file_is_refused(tmp_path):
    path = tmp_path / "stream.pt"
    with pytest.raises(FolderError, match="cannot be read"):
        make().load(path)
    make().strategy.save(path)
    with pytest.raises(FolderError, match="not written by"):
        make().load(path)
    make().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FolderError, match="damaged"):
        make().load(path)


def test_a_stream_that_has_grown_its_pool_loads_nothing(tmp_path):
    stream = make()
    follow(stream, 0, 60)
    stream.save(tmp_path / "stream.pt")
    with pytest.raises(ConfigurationError, match="new stream"):
        stream.load(tmp_path / "stream.pt")
