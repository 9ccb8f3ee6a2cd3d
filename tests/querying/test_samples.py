"""Samples behind the rows of plain arrays: ``inputs=`` of al.select."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, FeaturesError, PredictionError, SampleIndexError
from alkit.selectors import MaxHerding

X = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
Y = torch.arange(60) % 3
TEXTS = [f"{a} {b}" for a in ("red", "green", "blue", "old") for b in range(15)]
KNOWN = [3, 17, 40, 41]


class Encoder(nn.Module):
    """A network that counts the samples it was called on."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layer = nn.Linear(5, 4)
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        return self.layer(x)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 3)

    def forward(self, texts):
        return self.layer(torch.tensor([[float(len(text))] for text in texts]))


class Poison:
    """A label that cannot be used."""

    def __getattr__(self, name):
        raise AssertionError("a label was looked at")


class Items(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def picks(inputs, space=None, **options):
    options = {
        "annotated": KNOWN,
        "selector": al.KCenter(space or al.Inputs()),
        "seed": 0,
    } | options
    return al.select(6, inputs=inputs, **options).indices.tolist()


def largest():
    """A selector that compares candidates with each other alone."""
    space = al.Inputs(normalize=False)

    def select(candidates, n, generator):
        return space.rows(candidates)[:, 0].argsort()[:n]

    select.needs = {space}
    return select


EXPECTED = picks(X)


# --- the same picks as a strategy ---------------------------------------------------------------


@pytest.mark.parametrize("space", ["inputs", "whitened", "frozen"])
@pytest.mark.parametrize("kind", [al.KCenter, MaxHerding, al.KMeansPlusPlus, al.Coral])
def test_select_picks_what_a_strategy_picks_from_the_same_pool(space, kind):
    spaces = {
        "inputs": al.Inputs(3),
        "whitened": al.Whitened(al.Inputs()),
        "frozen": al.Frozen(Encoder()),
    }
    selector = kind(space=spaces[space])
    pool = al.ActiveLearningDataset(TensorDataset(X, Y), names=[f"{k}.png" for k in range(60)])
    pool.annotate(KNOWN)
    asked = al.Strategy(nn.Linear(5, 3), pool, selector=selector, seed=0).build()
    outputs = al.Prediction(asked.module(X).detach(), kind="logits")
    known = {"annotated": KNOWN, "prediction": outputs, "round": 1, "selector": selector}
    known["seed"] = asked.seed
    expected = asked.query(6)
    for inputs in (X, X.numpy(), X.tolist(), TensorDataset(X, Y), TensorDataset(X), pool):
        query = al.select(6, inputs=inputs, **known)
        assert query.indices.tolist() == expected.indices.tolist()
    assert query.names == expected.names


def test_texts_are_taken_in_every_form():
    pool = al.ActiveLearningDataset([(text, k % 3) for k, text in enumerate(TEXTS)])
    pool.annotate(KNOWN)
    asked = al.Strategy(Words(), pool, selector=al.KCenter(al.Inputs()), seed=0).build()
    expected = asked.query(6).indices.tolist()
    shuffled = pd.Series(TEXTS, index=range(60)[::-1])  # its order counts, not its index
    for inputs in (TEXTS, tuple(TEXTS), np.array(TEXTS), shuffled, Items(TEXTS), pool):
        assert picks(inputs, round=1, seed=asked.seed) == expected


def test_labels_of_a_dataset_are_left_out():
    forms = [
        Items([(x, Poison()) for x in X]),
        [(x, Poison()) for x in X],
        Items([(x,) for x in X]),
        list(X),
        Items([{"x": x, "label": Poison()} for x in X]),
        Items([{"x": x} for x in X]),
        Items([{"anything": x, "labels": Poison()} for x in X]),
        pd.DataFrame(X.numpy(), index=range(60)[::-1]),
    ]
    for inputs in forms:
        assert picks(inputs) == EXPECTED


# --- all rows, the unannotated ones, or the candidates -------------------------------------------


def test_inputs_have_all_rows_or_those_of_a_part_as_other_arrays():
    free = np.setdiff1d(np.arange(60), KNOWN)
    names = [f"{k}.png" for k in range(60)]
    part = {"names": names, "selector": largest()}
    alone = al.select(6, inputs=X[free], selector=part["selector"], seed=0)
    assert picks(X[free], **part) == free[alone.indices].tolist()
    among = [5, 6, 9, 20, 21, 30, 31, 50]
    alone = al.select(6, inputs=X[among], selector=part["selector"], seed=0)
    found = picks(X[among], among=sorted([*among, 17]), **part)
    assert found == np.array(among)[alone.indices].tolist()
    with pytest.raises(PredictionError, match=r"inputs has 56 rows, without the annotated.*all 60"):
        picks(X[free], names=names)
    with pytest.raises(PredictionError, match=r"inputs has 55 rows"):
        picks(X[free][1:], names=names)


def test_inputs_go_with_scores_and_given_features():
    scores = np.random.default_rng(0).random(60)
    herding = al.UncertaintyHerding(al.Inputs(3))
    query = al.select(5, inputs=X, scores=scores, annotated=KNOWN, selector=herding, seed=0)
    assert len(set(query)) == 5
    p = np.full((56, 3), 1 / 3)  # without the annotated rows, which are in the inputs
    assert len(al.select(5, inputs=X, probabilities=p, annotated=KNOWN, selector=herding)) == 5
    both = al.selectors.Mix((0.5, al.KCenter(al.Given(X))), (0.5, al.KCenter(al.Inputs())))
    assert len(set(picks(X, selector=both))) == 6
    with pytest.raises(PredictionError, match="59 rows"):
        picks(X[1:], selector=both)


# --- pools ---------------------------------------------------------------------------------------


def test_features_of_a_pool_or_dataset_are_made_once_for_all():
    data, encoder = TensorDataset(X, Y), Encoder()
    pool = al.ActiveLearningDataset(data)
    al.Strategy(
        nn.Linear(5, 3), pool, selector=al.KCenter(al.Frozen(encoder)), seed=0
    ).build().query(3)
    assert encoder.seen == 60 + 2  # two of them in another batch, too
    for inputs in (pool, data, pool):
        picks(inputs, al.Frozen(encoder))
    assert encoder.seen == 62
    for _ in range(2):
        picks(X, al.Frozen(encoder))
    assert encoder.seen == 3 * 62  # nothing tells whether an array has changed


def test_only_unannotated_samples_of_a_pool_are_chosen():
    pool = al.ActiveLearningDataset(TensorDataset(X, Y), among=range(50))
    pool.annotate(KNOWN)
    pool.exclude([7], "broken")
    whole = {"annotated": pool.annotated_indices, "among": pool.unannotated_indices}
    assert set(picks(pool, **whole)) <= set(pool.unannotated_indices)
    for wrong in (
        {"annotated": []},
        {"annotated": KNOWN},
        {"annotated": KNOWN, "among": [7, *range(20, 30)]},
    ):
        with pytest.raises(SampleIndexError, match=r"row \d+, .*annotated=pool\.annotated_indices"):
            picks(pool, **wrong)


def test_names_of_a_pool_are_those_of_the_rows():
    names = [f"{k}.png" for k in range(60)]
    pool = al.ActiveLearningDataset(TensorDataset(X, Y), names=names)
    query = al.select(3, inputs=pool, annotated=["3.png"], selector=al.KCenter(al.Inputs()), seed=0)
    assert query.names == [names[k] for k in query]
    with pytest.raises(
        ConfigurationError, match=r"row 0 is named '59\.png', and '0\.png' in the pool"
    ):
        picks(pool, names=names[::-1])


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([(0.5, 1), (0.6, 0)], r"tuples of numbers.*pass an array"),
        ([[1.0, 2.0], [1.0]], "different lengths"),
        ({"x": X}, "got dict"),
        ("images", "got 'images'"),
        ((X, Y), "2 columns"),
        (np.array([["a", 1], ["b", 0]], dtype=object), r"numbers or texts.*\(2, 2\) of object"),
        (np.zeros((4, 2), complex), "complex128"),
        ([], "at least one sample"),
        (3, "got 3"),
    ],
)
def test_what_is_not_samples_is_an_error(inputs, words):
    with pytest.raises(ConfigurationError, match=words):
        picks(inputs, annotated=[])


def test_a_row_that_is_nan_is_named_by_its_number():
    broken = X.clone()
    broken[9, 1] = torch.nan
    free = np.setdiff1d(np.arange(60), KNOWN)
    names = [f"{k}.png" for k in range(60)]
    for inputs in (broken, broken[free]):
        with pytest.raises(
            FeaturesError, match=r"1 of 56 samples, such as sample 9 \('9\.png'\).*among="
        ):
            picks(inputs, names=names, selector=largest())
    rest = [row for row in free.tolist() if row != 9]
    assert len(picks(broken, among=rest)) == 6


def test_without_inputs_the_error_names_them():
    for space in (al.Inputs(), al.Frozen(Encoder())):
        with pytest.raises(FeaturesError, match=r"inputs=, or use Given\(array\)"):
            al.select(2, embeddings=X, selector=al.KCenter(space))
    with pytest.raises(PredictionError, match="inputs="):
        al.select(2, selector=al.KCenter(al.Inputs()))
