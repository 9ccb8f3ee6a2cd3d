"""Arguments of the papers on pretrained features; the laws are checked with the other papers."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, PredictionError

COSINE = al.Features("cosine")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("activeft", "ActiveFT(space=Features('cosine'))"),
        ("dcom", "Dcom(space=Features('cosine')) of Margin()"),
        ("tcm", "TypiClust(space=Features('cosine')): phase 1"),
    ],
)
def test_the_space_is_that_of_the_selector(name, why, pool, net):
    strategy = getattr(al.papers, name)(net(), pool, space=COSINE, seed=0).build()
    assert strategy.query(3).why.startswith(why)


def test_all_that_compare_features_share_the_space(pool, net):
    refined = al.papers.refine(net(), pool, space=COSINE, passes=1, batches=9, seed=0)
    assert repr(refined.selector).count("Features('cosine')") == 6
    tailored = al.papers.tailor(net(), pool, space=COSINE, seed=0)
    assert repr(tailored.acquisition).count("Features('cosine')") == 2


def test_the_numbers_of_refine_are_those_of_the_paper(pool, net):
    selector = al.papers.refine(net(), pool, seed=0).selector
    numbers = {"passes": 5, "batches": 100, "share": 0.4, "first": 5000, "most": 10_000}
    assert {name: getattr(selector, name) for name in numbers} == numbers
    assert repr(selector) == "Refine()"


def test_tcm_asks_by_typiclust_until_its_rounds_are_over(blobs, net):
    pool = al.ActiveLearningDataset(blobs())
    strategy = al.papers.tcm(net(), pool, rounds=1, seed=0, batch_size=8).build()
    whys = []
    for _ in range(3):
        whys.append(strategy.query_and_update(4).why.partition(":")[0])
        strategy.fit(max_steps=2, enable_progress_bar=False)
    assert whys == ["TypiClust()", "TypiClust()", "TopK() of Margin()"]


@pytest.mark.parametrize("name", ["dcom", "tailor", "expected_error", "refine"])
def test_labels_of_a_single_class_are_enough(name, blobs, net):
    pool = al.ActiveLearningDataset(blobs())
    pool.annotate([0, 3, 6, 9])  # all of class 0
    options = {"passes": 1, "batches": 9} if name == "refine" else {}
    strategy = getattr(al.papers, name)(net(), pool, seed=0, **options).build()
    assert len(set(strategy.query(56))) == 56


@pytest.mark.parametrize("name", ["refine", "dcom", "expected_error", "tailor"])
@pytest.mark.parametrize(
    "wrap", [al.training.Regressor, partial(al.MultiLabelClassifier, num_labels=3)]
)
def test_what_reads_classes_refuses_values_and_independent_labels(name, wrap, blobs, net):
    pool = al.ActiveLearningDataset(blobs())
    strategy = getattr(al.papers, name)(wrap(net()), pool, seed=0).build()
    with pytest.raises((ConfigurationError, PredictionError), match=r"labels|regression|classes"):
        strategy.query(3)


@pytest.mark.parametrize("name", ["refine", "dcom", "tailor"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_labels_of_one_logit_are_class_numbers_in_each_of_their_forms(name, shape, dtype, blobs):
    x, y = blobs().tensors
    y = (y == 0).long()
    picks = []
    for labels in (y, y.to(dtype).reshape(shape)):
        pool = al.ActiveLearningDataset(TensorDataset(x, labels))
        pool.annotate(range(12))
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        binary = al.training.BinaryClassifier(net, nn.BCEWithLogitsLoss())
        options = {"passes": 1, "batches": 9} if name == "refine" else {}
        strategy = getattr(al.papers, name)(binary, pool, seed=0, **options).build()
        strategy.query_and_update(4)
        picks.append(list(strategy.query(5)))
    assert picks[0] == picks[1]


@pytest.mark.parametrize("radius", [0.2, 1.5])
def test_the_first_radius_of_dcom_may_be_given(radius, pool, net):
    query = al.papers.dcom(net(), pool, radius=radius, seed=0).build().query(3)
    assert f"radius={radius}" in query.why


def test_a_last_part_that_is_not_linear_has_no_closed_form(pool):
    net = nn.Sequential(nn.Linear(2, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 3)))
    strategy = al.papers.expected_error(net, pool, seed=0).build()
    with pytest.raises(ConfigurationError, match="not linear"):
        strategy.query(3)
    named = {"features": "model.1.0", "head": "model.1.1"}
    assert len(al.papers.expected_error(net, pool, seed=0, **named).build().query(3)) == 3


@pytest.mark.parametrize("name", ["tcm", "tailor"])
def test_an_acquisition_of_ones_own_takes_its_place(name, pool, net):
    own = al.Acquisition(al.Entropy())
    strategy = getattr(al.papers, name)(net(), pool, acquisition=own, seed=0)
    assert strategy.acquisition is own


@pytest.mark.parametrize("name", ["tailor", "tcm"])
def test_a_saved_strategy_and_a_comparison_that_crashed_go_on_as_if_nothing_had_happened(
    name, blobs, net, quiet, tmp_path, monkeypatch
):
    def make(pool, seed):
        return getattr(al.papers, name)(
            net(), pool, seed=seed, batch_size=8, test=blobs(12, seed=1), **options
        )

    options = {"rounds": 2} if name == "tcm" else {}
    strategy = make(al.ActiveLearningDataset(blobs()), 1).build()
    for _ in range(2):
        strategy.query_and_update(6)
        strategy.fit(max_steps=2, **quiet)
    strategy.save(tmp_path / "state.pt")
    again = make(al.ActiveLearningDataset(blobs()), 2).build().load(tmp_path / "state.pt")
    for _ in range(2):
        picks = [list(each.query_and_update(6)) for each in (strategy, again)]
        assert picks[0] == picks[1]
        strategy.fit(max_steps=2, **quiet)
        again.fit(max_steps=2, **quiet)

    def compared(**folder):
        settings = {"seeds": [0], "rounds": 5, "query_size": 6, "max_steps": 2, "progress": False}
        rows = al.compare({name: make}, blobs(), **settings, **folder).rows
        return [[row[key] for key in ("strategy", "round", "picked", "why")] for row in rows]

    kind, calls = type(strategy.acquisition), []
    ask = kind.ask

    def crash(self, context, n):
        calls.append(n)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return ask(self, context, n)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "ask", crash)
        with pytest.raises(KeyboardInterrupt):
            compared(folder=tmp_path / "run")
    assert compared(folder=tmp_path / "run") == compared()
