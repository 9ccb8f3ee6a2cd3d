"""A loop by hand that was stopped after any round goes on from a file as if it had not been."""

import copy
import importlib.util
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, FolderError, UnbuiltError
from alkit.strategies import papers

X = torch.randn(60, 1, 4, 4, generator=torch.Generator().manual_seed(0))
Y = (3 * torch.special.ndtr(2 * X.mean((1, 2, 3)))).long()
DATA = TensorDataset(X, Y)
QUIET = {"accelerator": "cpu", "enable_progress_bar": False}
N = 4  # samples per query


def body():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.BatchNorm1d(12), nn.ReLU())


def head():
    return nn.Sequential(nn.Dropout(0.3), nn.Linear(12, 3))


def net():
    return nn.Sequential(*body(), *head())


def shifted(x):
    return x + 0.01


class Halved(nn.Module):
    """A network of one's own, with state that is no tensor."""

    def __init__(self):
        super().__init__()
        self.network, self.calls = net(), 0

    def forward(self, x):
        self.calls += self.training
        return self.network(x) / (1 + self.calls / 100)

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]


class Alternating(al.Strategy):
    """A strategy of one's own, that chooses by its number of fits."""

    def query_strategy(self, pool, n):
        ids = pool.unannotated_indices
        return ids[:n] if self.fits % 2 else ids[-n:]


def held_out(**options):
    validation = al.ActiveLearningDataset(TensorDataset(X.clone(), Y))
    validation.annotate(range(50, 58))
    return {"val_pool": validation, **options}


def paper(name):
    def make(pool, **options):
        sampled = "bald" in name or name in ("bemps", "epig")
        network = nn.Sequential(body(), head()) if sampled else net()
        options |= {"passes": 1, "batches": 9} if name == "refine" else {}
        return getattr(papers, name)(network, pool, **options)

    return make


STRATEGIES = {
    **{name: paper(name) for name in papers.__all__},
    "uniform": lambda pool, **o: al.UniformStrategy(net(), pool, **o),
    "uncertainty": lambda pool, **o: al.UncertaintyStrategy(net(), al.Entropy(), pool, **o),
    "adversarial": lambda pool, **o: al.AdversarialStrategy(
        body(), head(), nn.Linear(12, 1), pool, **o
    ),
    "FixMatch": lambda pool, **o: al.SemiSupervisedStrategy(
        net(), pool, weak=shifted, strong=shifted, threshold=0.4, **o
    ),
    "learning loss": lambda pool, **o: al.strategies.LearningLossStrategy(
        net(), pool, layers=["3"], **o
    ),
    "tempered": lambda pool, **o: al.Strategy(
        net(), pool, al.criteria.Tempered(al.Entropy()), **held_out(**o)
    ),
    "scheduled": lambda pool, **o: al.Strategy(
        net(), pool, al.Schedule([1, 0]) * al.Rank(al.Margin()) + al.Rank(al.Entropy()), **o
    ),
    "extra state": lambda pool, **o: al.Strategy(Halved(), pool, **o),
    "own": lambda pool, **o: Alternating(net(), pool, **o),
}


def made(name, draw, seed=None):
    """A new strategy, its weights and seed from the numbers of `draw`."""
    torch.manual_seed(draw)
    pool = al.ActiveLearningDataset(DATA)
    pool.annotate(range(draw, draw + 8))
    strategy = STRATEGIES[name](pool, batch_size=6, seed=seed)
    return strategy if strategy.built else strategy.build()


def one_round(strategy, start):
    strategy.fit(max_steps=2, **QUIET)
    query = strategy.query_and_update(N)
    if start == "reset":
        strategy.reset_model()
    return query.indices.tolist()


def weights_of(strategy):
    state = strategy.state_dict()
    return {name: copy.deepcopy(value) for name, value in state.items()}


def alike(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(a, other[name]) if isinstance(a, torch.Tensor) else a == other[name]
        for name, a in one.items()
    )


@pytest.fixture(autouse=True)
def _own_generator():
    with torch.random.fork_rng():
        yield


@pytest.mark.parametrize("start", ["reset", "warm"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_stopped_loop_goes_on_with_the_same_picks_and_weights(name, start, tmp_path):
    strategy = made(name, draw=0)
    picks = []
    for round in range(3):
        strategy.save(tmp_path / f"{round}.pt")
        picks.append(one_round(strategy, start))
    for round in (1, 2):
        other = made(name, draw=round)
        other.load(tmp_path / f"{round}.pt")
        assert [one_round(other, start) for _ in range(round, 3)] == picks[round:]
        assert alike(weights_of(other), weights_of(strategy))
        assert other.train_pool.state_dict() == strategy.train_pool.state_dict()
        assert other.monitor.state_dict() == strategy.monitor.state_dict()
        assert other.history.step_history == strategy.history.step_history
        assert (other.fits, other.seed) == (strategy.fits, strategy.seed)
        if strategy.val_pool is not None:
            assert other.val_pool.state_dict() == strategy.val_pool.state_dict()
        assert alike(other.initial_weights, strategy.initial_weights)


def test_a_loop_may_stop_between_its_fit_and_its_query(tmp_path):
    strategy = made("uncertainty", draw=0)
    one_round(strategy, "reset")
    strategy.fit(max_steps=2, **QUIET)
    strategy.save(tmp_path / "fitted.pt")
    other = made("uncertainty", draw=1).load(tmp_path / "fitted.pt")
    assert other.query_and_update(N).indices.tolist() == (
        strategy.query_and_update(N).indices.tolist()
    )
    assert one_round(other.reset_model(), "warm") == one_round(strategy.reset_model(), "warm")


SCRIPT = """
import sys; sys.path.insert(0, {here!r})
import torch, test_saving as t; torch.set_num_threads(1)
strategy = t.made("bald", draw=7).load({path!r})
print(t.one_round(strategy, "warm"), sum(w.double().sum().item() for w in strategy.parameters()))
"""


def test_another_process_goes_on(tmp_path):
    strategy = made("bald", draw=0)
    one_round(strategy, "warm")
    path = str(tmp_path / "round.pt")
    strategy.save(path)
    code = SCRIPT.format(here=str(Path(__file__).parent), path=path)
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    picks = one_round(strategy, "warm")
    assert other.split("\n")[0] == (
        f"{picks} {sum(w.double().sum().item() for w in strategy.parameters())}"
    )


def everything(strategy):
    return (
        weights_of(strategy), strategy.train_pool.state_dict(), strategy.monitor.state_dict(),
        strategy.fits, strategy.seed, strategy.history.step_history, torch.get_rng_state(),
    )  # fmt: skip


def refused(strategy, path, error, told):
    before = everything(strategy)
    with pytest.raises(error, match=told):
        strategy.load(path)
    after = everything(strategy)
    assert alike(before[0], after[0])
    assert torch.equal(before[-1], after[-1])
    assert before[1:-1] == after[1:-1]


def wider(pool, **options):
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 3))
    return al.UncertaintyStrategy(network, al.Entropy(), pool, **options)


def smooth(pool, **options):
    network = nn.Sequential(*body()[:-1], nn.Tanh(), *head())
    return al.UncertaintyStrategy(network, al.Entropy(), pool, **options)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("uniform", "class was .*UncertaintyStrategy' and is .*UniformStrategy'"),
        ("adversarial", "class was"),
        (lambda p, **o: al.UncertaintyStrategy(net(), al.Margin(), p, **o), "query was .*Entropy"),
        (wider, "network model"),
        (smooth, r"network model.* was 'ReLU\(\)' and is 'Tanh\(\)'"),
        (
            lambda p, **o: al.UncertaintyStrategy(net(), al.Entropy(), p, **{**o, "batch_size": 5}),
            "options batch_size was 6 and is 5",
        ),
        (
            lambda p, **o: al.UncertaintyStrategy(
                net(), al.Entropy(), p, **held_out(**o, val_share=0.2)
            ),
            "had no val_pool",
        ),
        (
            lambda p, **o: al.UncertaintyStrategy(net().double(), al.Entropy(), p, **o),
            "float32.* and is .*float64",
        ),
    ],
)
def test_the_file_of_another_strategy_is_refused_and_changes_nothing(
    other, told, tmp_path, monkeypatch
):
    made("uncertainty", draw=0).save(tmp_path / "a.pt")
    if callable(other):
        monkeypatch.setitem(STRATEGIES, "other", other)
        other = "other"
    refused(made(other, draw=1), tmp_path / "a.pt", ConfigurationError, told)


def test_the_file_of_another_pool_is_refused_and_changes_nothing(tmp_path, monkeypatch):
    made("tempered", draw=0).save(tmp_path / "a.pt")
    strategy = made("tempered", draw=1)
    less = al.ActiveLearningDataset(TensorDataset(X[:50], Y[:50]))
    monkeypatch.setattr(strategy, "val_pool", less)
    refused(strategy, tmp_path / "a.pt", ConfigurationError, "of another pool")


def test_a_file_that_is_damaged_missing_or_of_something_else_is_refused(tmp_path):
    strategy = made("uncertainty", draw=0)
    path = tmp_path / "a.pt"
    strategy.save(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 25):
        content = bytearray(whole)
        content[place] ^= 4
        path.write_bytes(content)
        with suppress(FolderError):  # without an error it was a byte that nothing depends on
            strategy.load(path)
        assert alike(weights_of(strategy), weights_of(made("uncertainty", draw=0)))
    for content in (b"", whole[:-200], b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        refused(strategy, path, FolderError, "damaged, or was not written by")
    torch.save({"weights": torch.ones(3)}, path)
    refused(strategy, path, FolderError, "not written by")
    torch.save(torch.ones(3), path)
    refused(strategy, path, FolderError, "not written by")
    refused(strategy, tmp_path / "none.pt", FolderError, "cannot be read: No such file")
    refused(strategy, tmp_path, FolderError, "cannot be read")


class Code:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_code_in_a_file_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Code(), "a.pt")
    refused(made("uncertainty", draw=0), "a.pt", FolderError, "not written by")
    assert not Path("executed").exists()


def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    strategy = made("uncertainty", draw=0)
    path = tmp_path / "a.pt"
    strategy.save(path)
    before = path.read_bytes()
    other = made("extra state", draw=0)
    monkeypatch.setattr(Halved, "get_extra_state", lambda self: Code())
    with pytest.raises(ConfigurationError, match="get_extra_state"):
        other.save(path)
    assert path.read_bytes() == before
    with pytest.raises(FolderError, match="cannot be written"):
        strategy.save("/proc/alkit/a.pt")
    unbuilt = al.UncertaintyStrategy(
        al.MultiLayerPerceptron(16, [], 3), al.Margin(), strategy.train_pool
    )
    for use in (unbuilt.save, unbuilt.load):
        with pytest.raises(UnbuiltError, match="build"):
            use(path)


def test_labels_of_people_come_back(tmp_path):
    strategy = made("uncertainty", draw=0)
    strategy.train_pool.annotate([40, 41], [2, 0])
    strategy.save(tmp_path / "a.pt")
    other = made("uncertainty", draw=1).load(tmp_path / "a.pt")
    assert other.train_pool.labels_of([40, 41]) == [2, 0]


def test_weights_of_a_fit_in_another_precision_come_back(tmp_path):
    strategy = made("uncertainty", draw=0)
    strategy.module.to(torch.bfloat16)
    strategy.save(tmp_path / "a.pt")
    other = made("uncertainty", draw=1).load(tmp_path / "a.pt")
    assert alike(weights_of(other), weights_of(strategy))


NESTED = {
    "Mix": lambda pick: {"selector": al.selectors.Mix((0.5, pick), (0.5, al.Random()))},
    "Prefilter": lambda pick: {"selector": al.selectors.Prefilter(3, pick)},
    "Refine": lambda pick: {"selector": al.selectors.Refine([pick, al.TopK()])},
    "Tailor": lambda pick: {"acquisition": al.querying.Tailor([pick, al.TopK()])},
    "Phases": lambda pick: {
        "acquisition": al.querying.Phases(
            al.Acquisition(al.Margin()), al.Acquisition(al.Margin(), pick), rounds=1
        )
    },
}


@pytest.mark.parametrize("name", NESTED)
def test_code_of_the_user_within_other_parts_is_compared(name, tmp_path):
    def strategy(order):
        path = tmp_path / order / "picks.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"def firsts(candidates, n, generator):\n    return {order}\n")
        spec = importlib.util.spec_from_file_location("picks", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        pool = al.ActiveLearningDataset(DATA)
        return al.Strategy(net(), pool, seed=0, **NESTED[name](module.firsts)).build()

    saved = strategy("range(n)")
    saved.save(tmp_path / "a.pt")
    strategy("range(n)").load(tmp_path / "a.pt")
    with pytest.raises(ConfigurationError, match="firsts differs"):
        strategy("range(n)[::-1]").load(tmp_path / "a.pt")


def test_a_file_that_lacks_the_code_within_other_parts_is_loaded(tmp_path, monkeypatch):
    def strategy():
        pool = al.ActiveLearningDataset(DATA)
        return al.Strategy(
            net(), pool, seed=0, selector=al.selectors.Prefilter(3, earliest)
        ).build()

    monkeypatch.setattr("alkit.strategies.saving.functions", lambda strategy: {})
    strategy().save(tmp_path / "a.pt")
    monkeypatch.undo()
    strategy().load(tmp_path / "a.pt")


def earliest(candidates, n, generator):
    return range(n)
