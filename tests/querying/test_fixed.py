"""Features that do not change with training, in strategies, comparisons and al.select."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.errors import (
    ConfigurationError,
    FeaturesError,
    PredictionError,
    UnreadableSampleError,
)
from alkit.querying import fixed
from alkit.selectors import Frozen, Given, Inputs, MaxHerding, TypiClust, Whitened


class Counted(nn.Module):
    """A network that counts the samples it was called on."""

    def __init__(self, inputs=2, outputs=3):
        super().__init__()
        self.layer, self.seen = nn.Linear(inputs, outputs), 0

    def forward(self, x):
        self.seen += len(x)
        return self.layer(x)


class Reads(Dataset):
    """A dataset that counts reads, and whose labels must not be looked at."""

    def __init__(self, x, broken=()):
        self.x, self.broken, self.reads = x, set(broken), []

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        if index in self.broken:
            raise OSError(f"sample {index} is broken")
        self.reads.append(index)
        return self.x[index], Poison()


class Poison:
    """A label that cannot be used."""

    def __getattr__(self, name):
        raise AssertionError("a label was looked at")


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def data():
    return TensorDataset(gaussian(60, 2), torch.arange(60) % 3)


def strategy(dataset, selector, net=None, **options):
    known = isinstance(dataset, al.ActiveLearningDataset)
    pool = dataset if known else al.ActiveLearningDataset(dataset)
    return al.Strategy(net or Counted(), pool, selector=selector, seed=0, **options).build()


# --- strategies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [al.KCenter, MaxHerding, TypiClust, al.KMeansPlusPlus])
def test_a_strategy_chooses_as_select_does_on_the_same_features(data, kind):
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(6, seed=0)
    rows = gaussian(60, 5, seed=3).numpy()
    asked = strategy(pool, kind(space=Given(rows)))
    expected = al.select(
        7, embeddings=normalize(rows), annotated=pool.annotated_indices,
        selector=kind(space=al.Features()), round=1, seed=asked.seed,
    )  # fmt: skip
    assert asked.query(7).indices.tolist() == expected.indices.tolist()


def test_no_network_is_asked_for_fixed_features(data):
    net, encoder = Counted(), Counted()
    asked = strategy(data, MaxHerding(Frozen(encoder)), net)
    query = asked.query(5)
    assert net.seen == 5  # the guesses of the picks alone
    assert encoder.seen == 62  # two in another batch
    asked.query(5)
    assert encoder.seen == 62
    asked.train_pool.annotate(query)
    asked.query(5)
    assert (net.seen, encoder.seen) == (15, 62)
    encoder.layer.weight.data.add_(1)
    asked.query(5)
    assert encoder.seen == 124


def test_scores_cost_one_pass_and_the_annotated_none(data):
    net = Counted()
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(10, seed=0)
    strategy(pool, al.UncertaintyHerding(Inputs()), net).query(5)
    assert net.seen == 50


def test_all_strategies_of_a_comparison_share_the_features(data, quiet):
    encoder = Counted()

    def make(kind):
        def factory(pool, seed):
            net = nn.Sequential(nn.Linear(2, 3))
            space = Frozen(encoder)
            return al.Strategy(net, pool, selector=kind(space), test=data, seed=seed)

        return factory

    result = al.compare(
        {"kcenter": make(al.KCenter), "herding": make(MaxHerding)}, data, seeds=range(2), rounds=3,
        query_size=3, initial=6, max_steps=1, progress=False,
    )  # fmt: skip
    assert result is not None
    assert encoder.seen == 62


SEEN = []


class Noted(nn.Linear):
    """A layer that notes the samples it was called on, and is the same after that."""

    def forward(self, x):
        SEEN.append(len(x))
        return super().forward(x)


@pytest.mark.parametrize("space", ["frozen", "inputs", "given"])
def test_what_a_factory_makes_anew_for_each_trial_is_computed_once(data, quiet, space, monkeypatch):
    made, make, rows = [], fixed.make, gaussian(60, 4, seed=3).numpy()
    monkeypatch.setattr(fixed, "make", lambda *args: made.append(1) or make(*args))

    def factory(pool, seed):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = Noted(2, 3)
        spaces = {"frozen": Frozen(encoder), "inputs": Inputs(), "given": Given(rows.copy())}
        selector = MaxHerding(spaces[space])
        net = nn.Sequential(nn.Linear(2, 3))
        read = {"inputs": lambda batch: batch[0] if isinstance(batch, list) else batch}
        return al.Strategy(net, pool, selector=selector, test=data, seed=seed, **read)

    SEEN.clear()
    al.compare(
        {"one": factory, "other": factory}, data, seeds=range(2), rounds=2, query_size=3,
        initial=6, max_steps=1, progress=False,
    )  # fmt: skip
    assert len(made) == 1
    assert sum(SEEN) == (60 + 2 if space == "frozen" else 0)  # two of them in another batch, too


def test_rows_that_are_changed_in_place_are_noticed(data):
    rows = gaussian(60, 4, seed=3).numpy()
    asked = strategy(data, MaxHerding(Given(rows)))
    asked.query(5)
    rows[:] = gaussian(60, 4, seed=4).numpy()
    changed = strategy(TensorDataset(*data.tensors), MaxHerding(Given(rows.copy())))
    assert asked.query(5).indices.tolist() == changed.query(5).indices.tolist()


def test_a_transformer_that_is_fitted_again_is_noticed(data):
    fitted = PCA(1).fit(data.tensors[0].numpy())
    asked = strategy(data, MaxHerding(Frozen(fitted, normalize=False)))
    asked.query(5)
    fitted.fit(data.tensors[0].numpy() * [1, 9])
    changed = strategy(TensorDataset(*data.tensors), MaxHerding(Frozen(fitted, normalize=False)))
    assert asked.query(5).indices.tolist() == changed.query(5).indices.tolist()


def test_inputs_are_read_once_and_no_label_is_looked_at():
    dataset = Reads(gaussian(40, 3))
    pool = al.ActiveLearningDataset(dataset)
    asked = strategy(pool, al.KCenter(Inputs()), Counted(3))
    asked.query(4)
    reads = len(dataset.reads)
    assert reads == 40 + 4 + 3 * 16  # the inputs, the picks, and whether reads are alike
    asked.query(4)
    assert len(dataset.reads) == reads + 4 + 16


def test_poisoned_labels_change_nothing(data):
    clean = strategy(data, al.KCenter(Inputs())).query(6)
    poisoned = strategy(Reads(data.tensors[0]), al.KCenter(Inputs())).query(6)
    assert clean.indices.tolist() == poisoned.indices.tolist()


def test_other_inputs_have_other_features(data):
    pool = al.ActiveLearningDataset(data)
    strategy(pool, al.KCenter(Inputs())).query(3)
    doubled = al.ActiveLearningDataset(data, scoring_transform=lambda x: x * torch.tensor([9, 1]))
    assert doubled.features is pool.features
    strategy(doubled, al.KCenter(Inputs())).query(3)
    assert len(pool.features) == 2
    strategy(pool, al.KCenter(Inputs(1))).query(3)
    assert len(pool.features) == 3
    part = al.ActiveLearningDataset(data, among=range(20))
    strategy(part, al.KCenter(Inputs())).query(3)
    assert len(pool.features) == 4
    strategy(al.ActiveLearningDataset(data), al.KCenter(Inputs(normalize=True))).query(3)
    assert len(pool.features) == 4


def test_excluded_samples_may_be_broken(data):
    dataset = Reads(gaussian(30, 3), broken=[7])
    pool = al.ActiveLearningDataset(dataset)
    with pytest.raises(UnreadableSampleError, match="sample 7 is broken"):
        strategy(pool, al.KCenter(Inputs()), Counted(3)).query(3)
    pool.exclude([7], "broken")
    assert 7 not in strategy(pool, al.KCenter(Inputs()), Counted(3)).query(29)
    dataset.broken.clear()  # mended, and taken in again
    pool.undo()
    mended = strategy(pool, al.KCenter(Inputs()), Counted(3)).query(30).indices.tolist()
    pool.features.clear()
    assert strategy(pool, al.KCenter(Inputs()), Counted(3)).query(30).indices.tolist() == mended


@pytest.mark.parametrize("rows", [29, 31])
def test_a_memmap_of_another_shape_than_the_pool_is_refused(rows, tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(0).random((rows, 4), np.float32))
    pool = al.ActiveLearningDataset(Reads(gaussian(30, 3)))
    for given in Given(np.load(path, mmap_mode="r")), Given(path):
        with pytest.raises(FeaturesError, match=f"has {rows} rows, and there are 30 samples"):
            strategy(pool, al.KCenter(given), Counted(3)).query(3)


def test_exclusions_do_not_change_the_features_of_others(data):
    pool = al.ActiveLearningDataset(data)
    asked = strategy(pool, al.KCenter(Inputs()))
    asked.query(3)
    pool.exclude([1, 2], "unsure")
    after = asked.query(5).indices.tolist()
    pool.features.clear()
    assert asked.query(5).indices.tolist() == after


def test_a_nan_row_is_an_error_where_its_sample_is_used(data):
    rows = gaussian(60, 4)
    rows[5, 2] = torch.nan
    pool = al.ActiveLearningDataset(data, names=[f"{k}.png" for k in range(60)])
    asked = strategy(pool, al.KCenter(Given(rows)))
    with pytest.raises(FeaturesError, match=r"1 of 60 samples.*sample 5 \('5\.png'\).*exclude"):
        asked.query(3)
    pool.exclude([5], "broken")
    assert len(asked.query(3)) == 3


def test_names_and_length_are_those_of_the_pool(data):
    names = [f"{k}.png" for k in range(60)]
    pool = al.ActiveLearningDataset(data, names=names)
    rows = gaussian(60, 4)
    assert len(strategy(pool, al.KCenter(Given(rows, names))).query(3)) == 3
    with pytest.raises(FeaturesError, match="another order"):
        strategy(pool, al.KCenter(Given(rows, names[::-1]))).query(3)
    with pytest.raises(FeaturesError, match="has 59 rows, and there are 60 samples"):
        strategy(pool, al.KCenter(Given(rows[:-1]))).query(3)


def test_trained_and_fixed_features_go_together(data):
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(6, seed=0)
    selector = al.Prefilter(3, al.KCenter(Whitened()), by=al.KCenter(Inputs()))
    assert len(set(strategy(pool, selector, net).query(5))) == 5
    typical = TypiClust(space=Given(gaussian(60, 3)))
    mixed = al.selectors.Mix((0.5, al.KCenter(Inputs())), (0.5, typical))
    assert len(set(strategy(pool, mixed, net).query(6))) == 6


def test_dicts_are_read_as_the_strategy_reads_them():
    x = gaussian(40, 3)
    items = [{"x": row, "extra": torch.zeros(2), "label": k % 3} for k, row in enumerate(x)]
    pool = al.ActiveLearningDataset(items)
    plain = al.ActiveLearningDataset(TensorDataset(x, torch.arange(40) % 3))
    net = Counted(3)
    asked = strategy(pool, al.KCenter(Frozen(net)), Counted(3), inputs="x")
    same = strategy(plain, al.KCenter(Frozen(net)), Counted(3))
    assert asked.query(5).indices.tolist() == same.query(5).indices.tolist()


class Words(nn.Module):
    """A network on texts."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 2)

    def forward(self, texts):
        return self.layer(torch.tensor([[float(len(text))] for text in texts]))


def test_texts_are_compared_by_their_words():
    words = ["a red cat", "a red dog", "the blue sea", "the blue sky", "one two", "two three"] * 4
    pool = al.ActiveLearningDataset([(text, k % 2) for k, text in enumerate(words)])
    picks = strategy(pool, al.KCenter(Inputs()), Words()).query(3)
    assert len({words[k].split()[0] for k in picks}) == 3


class Changing(Dataset):
    """A dataset whose transform may be another one, as an attribute of torchvision's datasets."""

    def __init__(self, x, transform=lambda x: x):
        self.x, self.transform = x, transform

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.transform(self.x[index]), index % 3


def stretched(x):
    return x * torch.tensor([9.0, 1.0])


def _transform(dataset, pool):
    dataset.transform = stretched


def _samples(dataset, pool):
    dataset.x = stretched(dataset.x)


def _in_place(dataset, pool):
    dataset.x.copy_(stretched(dataset.x))


def _scoring(dataset, pool):
    pool._scoring_transform.factor = torch.tensor([9.0, 1.0])


class Times:
    factor = 1

    def __call__(self, x):
        return x * self.factor


@pytest.mark.parametrize("change", [_transform, _samples, _in_place, _scoring])
def test_features_of_a_dataset_that_has_changed_are_made_again(change):
    dataset = Changing(gaussian(60, 2))
    pool = al.ActiveLearningDataset(dataset, scoring_transform=Times())
    asked = strategy(pool, al.KCenter(Frozen(nn.Identity())))  # Inputs scales columns
    before = asked.query(9).indices.tolist()
    assert asked.query(9).indices.tolist() == before
    change(dataset, pool)
    after = asked.query(9).indices.tolist()
    fresh = strategy(TensorDataset(stretched(gaussian(60, 2)), torch.zeros(60)), asked.selector)
    assert after == fresh.query(9).indices.tolist() != before


def of_numpy(count):
    return torch.from_numpy(np.random.randn(count)).float()  # noqa: NPY002


@pytest.mark.parametrize("draw", [torch.randn, of_numpy])
def test_features_of_random_augmentation_are_announced_and_depend_on_no_global_seed(draw):
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        dataset = Changing(gaussian(60, 2), lambda x: x + draw(2))
        asked = strategy(dataset, al.KCenter(Inputs()))
        with pytest.warns(UserWarning, match="read differently each time"):
            asked.query(5)
        ((_, rows, _),) = asked.train_pool.features._rows.values()
        found.append(rows)
        asked.query(5)
        assert asked.train_pool.features._rows.popitem()[1][1] is rows
    assert torch.equal(*found)


def test_features_of_draws_that_no_seed_controls_are_made_once():
    own = torch.Generator()
    asked = strategy(Changing(gaussian(60, 2), lambda x: x + torch.randn(2, generator=own)),
                     al.KCenter(Inputs()))  # fmt: skip
    with pytest.warns(UserWarning, match="read differently each time"):
        asked.query(5)
    first = asked.train_pool.features._rows.copy()
    asked.query(5)
    assert all(first[key] is rows for key, rows in asked.train_pool.features._rows.items())


def test_making_features_leaves_the_global_random_state_alone(data):
    dataset = Changing(gaussian(60, 2), lambda x: x + 0 * torch.randn(2))
    asked = strategy(dataset, MaxHerding(Inputs()))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        asked.query(1)  # reads the pick for its guess
        first = torch.rand(3)
        torch.manual_seed(3)
        asked.query(1)
        assert torch.equal(torch.rand(3), first)


@pytest.mark.parametrize("given", [False, True])
def test_a_sample_that_was_mended_after_an_error_is_taken(given):
    x = gaussian(60, 2)
    x[5] = torch.nan
    pool = al.ActiveLearningDataset(TensorDataset(x, torch.arange(60) % 3))
    asked = strategy(pool, al.KCenter(Given(x) if given else Inputs()))
    with pytest.raises(FeaturesError, match="sample 5: mend its input or its row"):
        asked.query(3)
    x[5] = 0
    assert len(asked.query(60)) == 60


def test_rows_that_are_changed_in_place_are_taken_as_they_are(data):
    rows = gaussian(60, 4).numpy()
    asked = strategy(data, al.KCenter(Given(rows)))
    asked.query(5)
    rows[:] = gaussian(60, 4, seed=1).numpy()
    fresh = strategy(data, al.KCenter(Given(rows.copy())))
    assert asked.query(5).indices.tolist() == fresh.query(5).indices.tolist()


# --- al.select ----------------------------------------------------------------------------------


def test_select_takes_given_features_alone_or_with_scores():
    rows = gaussian(50, 4).numpy()
    known = [3, 9]
    x = normalize(rows)
    expected = al.select(5, embeddings=x, annotated=known, selector=al.KCenter(), seed=0)
    query = al.select(5, annotated=known, selector=al.KCenter(Given(rows)), seed=0)
    assert query.indices.tolist() == expected.indices.tolist()
    scores = np.random.default_rng(0).random(50)
    herding = al.UncertaintyHerding(Given(rows), bandwidth=1.0)
    weighted = al.select(5, scores=scores, annotated=known, selector=herding, seed=0)
    assert len(set(weighted)) == 5
    p = np.full((48, 3), 1 / 3)  # without the annotated ones, which are not needed
    assert len(al.select(5, probabilities=p, annotated=known, selector=herding, seed=0)) == 5
    prediction = al.Prediction(p, kind="probabilities")
    assert len(al.select(5, prediction=prediction, annotated=known, selector=herding, seed=0)) == 5


def test_select_compares_names_and_needs_arrays(tmp_path):
    rows, names = np.eye(4), ["a", "b", "c", "d"]
    assert al.select(2, names=names, selector=al.KCenter(Given(rows, names)), seed=0).names
    with pytest.raises(FeaturesError, match="another order"):
        al.select(2, names=names, selector=al.KCenter(Given(rows, names[::-1])), seed=0)
    with pytest.raises(PredictionError, match="4 rows"):
        al.select(2, names=names[:3], selector=al.KCenter(Given(rows)), seed=0)
    for space in (Inputs(), Frozen(nn.Identity())):
        with pytest.raises(FeaturesError, match=r"Given\(array\)"):
            al.select(2, embeddings=rows, selector=al.KCenter(space), seed=0)


def test_candidates_without_the_features_are_an_error():
    candidates = al.Candidates(torch.rand(4))
    with pytest.raises(PredictionError, match=r"Inputs\(\) needs features of the samples"):
        al.KCenter(Inputs())(candidates, 2, torch.Generator())


def test_a_function_may_declare_a_space(data):
    space, seen = Inputs(), []

    def spread(candidates, n, generator):
        seen.append(space.rows(candidates))
        return torch.arange(n)

    spread.needs = {space}
    assert len(strategy(data, spread).query(4)) == 4
    assert seen[0].shape == (60, 2)


def test_select_takes_the_rows_of_candidates_in_any_order():
    rows = gaussian(12, 3).numpy()
    among = [7, 2, 9, 11, 0, 1, 3, 4, 5, 6, 8, 10]
    picks = al.select(4, among=among, selector=al.KCenter(Given(rows)), seed=0)
    same = al.select(4, embeddings=normalize(rows), among=among, selector=al.KCenter(), seed=0)
    assert picks.indices.tolist() == same.indices.tolist()


def test_the_declared_input_of_a_dict_is_what_is_compared():
    x = gaussian(40, 3)
    items = [{"x": row, "id": torch.tensor(k), "label": k % 3} for k, row in enumerate(x)]
    plain = al.ActiveLearningDataset(TensorDataset(x, torch.arange(40) % 3))
    expected = strategy(plain, al.KCenter(Inputs()), Counted(3)).query(5).indices.tolist()
    for options in ({"inputs": "x"}, {"inputs": lambda batch: batch["x"]}, {}):
        pool = al.ActiveLearningDataset(items)
        found = strategy(pool, al.KCenter(Inputs()), Counted(3), **options).query(5)
        assert found.indices.tolist() == expected
    renamed = [{"a": item["x"], "id": item["id"], "label": item["label"]} for item in items]
    keyed = al.ActiveLearningDataset(renamed, input_key="a")
    assert strategy(keyed, al.KCenter(Inputs()), Counted(3)).query(5).indices.tolist() == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda space: al.selectors.Mix((0.5, al.KCenter(space)), (0.5, TypiClust(space=space))),
        lambda space: al.Prefilter(3, al.KCenter(space), by=TypiClust(space=space)),
        lambda space: al.PerGroup(np.arange(60) % 3, al.KCenter(space)),
        lambda space: al.UncertaintyHerding(space),
        lambda space: al.selectors.KMeans(space),
        lambda space: al.selectors.FacilityLocation(space),
        lambda space: al.selectors.LCMD(space),
        lambda space: al.Coral(space),
    ],
)
def test_compositions_choose_as_on_the_same_embeddings(make):
    rows, scores = gaussian(60, 5).numpy(), np.random.default_rng(0).random(60)
    given = make(Given(rows, normalize=False))
    options = {"scores": scores, "annotated": [3, 5, 8], "seed": 1}
    fixed = al.select(8, selector=given, **options).indices.tolist()
    selector = make(al.Features())
    assert fixed == al.select(8, embeddings=rows, selector=selector, **options).indices.tolist()


def test_an_encoder_that_the_strategy_trains_is_an_error(data):
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
    for space in (Frozen(net[:2]), Whitened(Frozen(net[0]))):
        asked = strategy(data, al.KCenter(space), net)
        with pytest.raises(ConfigurationError, match=r"weights that the strategy trains.*deepcopy"):
            asked.query(3)
    net[0].requires_grad_(False)
    assert len(strategy(data, al.KCenter(Frozen(net[:2])), net).query(3)) == 3
