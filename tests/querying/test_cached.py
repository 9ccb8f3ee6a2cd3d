"""Features of a frozen backbone that are kept in a file over the rounds."""

import copy
import json
import warnings

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import ConfigurationError, FeaturesError, FolderError
from alkit.features import cache as caches
from alkit.querying import cached

N = 240


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*eval mode at the start of training.*")
        yield


@pytest.fixture(autouse=True)
def _whole_batches(monkeypatch):
    """Rows are written in several parts."""
    monkeypatch.setattr(cached, "ROWS", 64)


def images(n=N, seed=0):
    x = torch.randn(n, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    y = torch.arange(n) % 3
    x[:, 0] += 0.5 * y[:, None, None]
    return TensorDataset(x, y)


class Backbone(nn.Module):
    """A convolution with BatchNorm, which counts the rows that it gets."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(dropout)
        self.rows = 0

    def forward(self, x):
        self.rows += len(x)
        return self.dropout(self.norm(self.conv(x)).relu().mean((2, 3)))


def seeded(make, seed=1):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def frozen(**options):
    return Backbone(**options).requires_grad_(False).eval()


def sequential():
    return nn.Sequential(frozen(), nn.Linear(8, 3))


def pool_of(dataset=None, annotated=20, **options):
    pool = al.ActiveLearningDataset(images() if dataset is None else dataset, **options)
    pool.annotate_random(annotated, seed=0)
    return pool


def rounds(make, cache, *, criterion=None, selector=None, count=3, dataset=None, **options):
    """Picks of some rounds, and the rows that the backbone got at each query."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return _rounds(make(), cache, criterion, selector, count, dataset, **options)


def _rounds(network, cache, criterion, selector, count, dataset, **options):
    options = {"seed": 0, "batch_size": 16, "test_batch_size": 32} | options
    pool = pool_of(dataset)
    strategy = al.Strategy(network, pool, criterion, selector, cache_features=cache, **options)
    strategy.build()
    parts = [part for part in strategy.modules() if isinstance(part, Backbone)]
    picks, rows = [], []
    for _ in range(count):
        strategy.fit(max_steps=10, enable_progress_bar=False)
        before = sum(part.rows for part in parts)
        query = strategy.query(8)
        rows.append(sum(part.rows for part in parts) - before)
        picks.append(query.indices.tolist())
        pool.annotate(query)
    return picks, rows


def strategy_of(network, cache, pool=None, **options):
    pool = pool_of() if pool is None else pool
    options = {"seed": 0, "test_batch_size": 32} | options
    return al.Strategy(network, pool, cache_features=cache, **options).build()


# --- networks -------------------------------------------------------------------------------


def with_dropout():
    return nn.Sequential(frozen(), nn.Dropout(0.3), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


def layers():
    parts = [
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ]
    for part in parts:
        part.requires_grad_(False).eval()
    return nn.Sequential(*parts, nn.Linear(8, 3))


class Necked(nn.Module):
    """Functions between the parts, and two trained ones behind the backbone."""

    def __init__(self):
        super().__init__()
        self.backbone, self.neck, self.head = frozen(), nn.Linear(8, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(torch.relu(self.neck(self.backbone(x))))


class Scaled(Necked):
    """Inputs are scaled before the frozen parts, of which there are several."""

    def __init__(self):
        super().__init__()
        self.neck.requires_grad_(False)
        self.register_buffer("mean", torch.full((1,), 0.1))

    def forward(self, x):
        return super().forward((x - self.mean) * 2)


class Flattened(nn.Module):
    """Frozen layers one by one, as in torchvision's networks, with functions between them."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.pool = nn.AdaptiveAvgPool2d(1)
        for part in (self.conv, self.norm):
            part.requires_grad_(False).eval()
        self.token = nn.Parameter(torch.ones(8), requires_grad=False)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.norm(self.conv(x)).relu()), 1) * self.token)


def blocks():
    head = al.MultiLayerPerceptron(8, [6], 3)
    return al.Sequential(al.Layer(frozen), head).new()


NETWORKS = [sequential, with_dropout, layers, Necked, Scaled, Flattened, blocks]


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("selector", [None, al.KMeansPlusPlus()], ids=repr)
def test_the_picks_are_those_without_the_file(make, selector, tmp_path):
    options = {}
    if selector is not None and make in (Necked, Scaled, Flattened):
        options = {"features": {Necked: "neck", Scaled: "neck", Flattened: "pool"}[make]}
        if make is Necked:
            options = {"features": "backbone"}
    plain, _ = rounds(make, None, selector=selector, **options)
    picks, _ = rounds(make, tmp_path / "f.npy", selector=selector, **options)
    assert picks == plain


def test_so_are_those_of_weights_in_bfloat16(tmp_path):
    def queried(cache):
        network = seeded(sequential).to(torch.bfloat16)
        return strategy_of(network, cache).query(9).indices.tolist()

    assert queried(tmp_path / "f.npy") == queried(None)
    assert np.load(tmp_path / "f.npy").dtype == np.float32


@pytest.mark.parametrize(
    ("criterion", "selector", "options"),
    [
        (al.BALD(), None, {"samples": 5}),
        (None, al.KCenter(), {}),
        (None, al.KMeansPlusPlus(al.GradientEmbedding()), {}),
        (None, al.selectors.TypiClust(), {}),
        (al.EPIG(), None, {"samples": 5}),
    ],
    ids=repr,
)
def test_so_are_those_of_any_acquisition(criterion, selector, options, tmp_path):
    options = {"criterion": criterion, "selector": selector, "count": 2} | options
    plain, _ = rounds(with_dropout, None, **options)
    assert rounds(with_dropout, tmp_path / "f.npy", **options)[0] == plain


def test_after_the_first_query_the_backbone_gets_a_few_samples_alone(tmp_path):
    _, rows = rounds(sequential, tmp_path / "f.npy")
    assert rows[0] >= N
    assert max(rows[1:]) < 20
    _, again = rounds(sequential, tmp_path / "f.npy")
    assert max(again) < 20


def test_a_query_that_excludes_another_one_uses_the_file(tmp_path):
    network = seeded(sequential)
    strategy = strategy_of(network, tmp_path / "f.npy")
    first = strategy.query(5)
    before = network[0].rows
    second = strategy.query(5, exclude=first)
    assert network[0].rows - before < 20
    assert not set(first.indices.tolist()) & set(second.indices.tolist())


def test_row_i_of_the_file_has_the_features_of_sample_i(tmp_path):
    network = seeded(sequential)
    strategy_of(network, tmp_path / "f.npy").query(5)
    with torch.no_grad():
        expected = network[0](images().tensors[0]).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), expected, rtol=1e-5, atol=1e-6)


class Learner(L.LightningModule):
    """A LightningModule of a user, with metrics that change in training."""

    def __init__(self):
        super().__init__()
        self.backbone, self.fc = frozen(), nn.Linear(8, 3)
        self.seen = 0.0

    def forward(self, x):
        return self.fc(self.backbone(x))

    def training_step(self, batch):
        self.seen += 0.5
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.fc.parameters())


def test_modules_of_a_user_are_cut_as_well(tmp_path):
    picks = []
    for cache in (None, tmp_path / "f.npy"):
        pool, module = pool_of(), seeded(Learner)
        learner = al.ActiveLearner(module, pool, seed=0, cache_features=cache).build()
        learner.fit(max_steps=5, enable_progress_bar=False)
        picks.append(learner.query(6).indices.tolist())
        learner.fit(max_steps=5, enable_progress_bar=False)
        before = module.backbone.rows
        picks[-1] += learner.query(6).indices.tolist()
    assert picks[0] == picks[1]
    assert module.backbone.rows - before < 20


def test_a_named_layer_is_kept_though_it_requires_gradients(tmp_path):
    network = seeded(sequential).requires_grad_(True)
    strategy = strategy_of(network, tmp_path / "f.npy", features="0")
    strategy.query(5)
    before = network[0].rows
    strategy.query(5)
    assert network[0].rows - before < 20
    with torch.no_grad():
        network[0].conv.weight.mul_(1.5)
    with pytest.warns(UserWarning, match="changed since the last query"):
        query = strategy.query(5)
    assert (
        query.indices.tolist() == strategy_of(network, None, features="0").query(5).indices.tolist()
    )


# --- never stale ----------------------------------------------------------------------------


def test_other_weights_are_other_features(tmp_path):
    rounds(sequential, tmp_path / "f.npy", count=1)

    def other():
        network = sequential()
        with torch.no_grad():
            network[0].conv.weight.mul_(1.1)
        return network

    plain, _ = rounds(other, None)
    picks, rows = rounds(other, tmp_path / "f.npy")
    assert picks == plain
    assert rows[0] >= N


def test_batchnorm_that_is_trained_warns_and_is_computed_again(tmp_path):
    def training():
        return nn.Sequential(frozen().train(), nn.Linear(8, 3))

    plain, _ = rounds(training, None)
    with pytest.warns(UserWarning, match="BatchNorm in eval mode"):
        picks, _ = rounds(training, tmp_path / "f.npy")
    assert picks == plain


def test_a_changed_sample_is_computed_again_in_another_process(tmp_path):
    rounds(sequential, tmp_path / "f.npy", count=1)
    changed = images()
    changed.tensors[0][[3, 50, 101]] *= -3
    plain, _ = rounds(sequential, None, dataset=changed)
    other = images()
    other.tensors[0][[3, 50, 101]] *= -3
    picks, rows = rounds(sequential, tmp_path / "f.npy", dataset=other)
    assert picks == plain
    assert 1 <= rows[0] < N / 2 + 20


def test_samples_that_change_between_queries_are_read_again(tmp_path):
    pool = pool_of()
    strategy = strategy_of(seeded(sequential), tmp_path / "f.npy", pool)
    strategy.query(5)
    pool._samples.dataset.tensors[0].mul_(-1)
    plain = strategy_of(seeded(sequential), None, pool)
    assert strategy.query(5).indices.tolist() == plain.query(5).indices.tolist()


class Noisy(Dataset):
    def __init__(self):
        self.data = images()

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        x, y = self.data[index]
        return x + torch.randn_like(x), y


def test_random_augmentation_is_refused(tmp_path):
    strategy = strategy_of(seeded(sequential), tmp_path / "f.npy", pool_of(Noisy()))
    with pytest.raises(FeaturesError, match="read differently each time"):
        strategy.query(5)
    assert not (tmp_path / "f.npy").exists()


def test_a_transform_for_training_does_not_count_and_one_for_scoring_does(tmp_path):
    def queried(cache, scoring):
        pool = pool_of(transform=lambda x: x + torch.randn_like(x), scoring_transform=scoring)
        return strategy_of(seeded(sequential), cache, pool).query(5).indices.tolist()

    for scoring in (lambda x: x, lambda x: -x):
        assert queried(tmp_path / "f.npy", scoring) == queried(None, scoring)


def test_what_is_trained_in_front_of_the_frozen_part_is_not_taken_for_frozen(tmp_path):
    class Stem(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.backbone, self.head = nn.Conv2d(3, 3, 1), frozen(), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.backbone(self.stem(x)))

    with pytest.raises(ConfigurationError, match="no frozen part"):
        strategy_of(seeded(Stem), tmp_path / "f.npy").query(5)
    strategy = strategy_of(seeded(Stem), tmp_path / "g.npy", features="backbone")
    strategy.query(5)
    strategy.fit(max_steps=5, enable_progress_bar=False)
    with pytest.warns(UserWarning, match="computed again"):
        query = strategy.query(5)
    strategy.cache_features = None
    assert query.indices.tolist() == strategy.query(5).indices.tolist()


def test_hidden_training_in_front_of_the_cut_is_noticed(tmp_path):
    class Hidden(Necked):
        scale = 1.0

        def forward(self, x):
            return super().forward(x * Hidden.scale)

    strategy = strategy_of(seeded(Hidden), tmp_path / "f.npy")
    strategy.query(5)
    Hidden.scale = 2.0
    with pytest.raises(FeaturesError, match="trained or random"):
        strategy.query(5)


def test_trials_of_a_comparison_share_the_file(tmp_path):
    test = images(60, seed=5)
    backbone = seeded(frozen)

    def compared(cache):
        def strategy(pool, seed):
            network = nn.Sequential(copy.deepcopy(backbone), nn.Linear(8, 3))
            return al.Strategy(
                network, pool, test=test, seed=seed, cache_features=cache, test_batch_size=32,
                test_metrics=[MulticlassAccuracy(num_classes=3)],
            )  # fmt: skip

        options = {"seeds": range(2), "rounds": 2, "initial": 12, "query_size": 5, "max_steps": 5}
        result = al.compare({"margin": strategy}, images(120), progress=False, **options)
        return [(row["seed"], row["round"], row["picked"]) for row in result.rows]

    assert compared(tmp_path / "f.npy") == compared(None)
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_a_saved_strategy_continues_with_the_file_and_without(tmp_path):
    strategy = strategy_of(seeded(sequential), tmp_path / "f.npy")
    strategy.fit(max_steps=5, enable_progress_bar=False)
    query = strategy.query(5).indices.tolist()
    strategy.save(tmp_path / "s.pt")
    for cache in (None, tmp_path / "f.npy"):
        again = strategy_of(seeded(sequential, 3), cache).load(tmp_path / "s.pt")
        assert again.query(5).indices.tolist() == query
    strategy.reset_model()
    assert strategy.query(5).indices.tolist() == (
        strategy_of(seeded(sequential), None).query(5).indices.tolist()
    )
    assert copy.deepcopy(strategy).query(5) is not None


# --- what cannot be kept --------------------------------------------------------------------


def test_posterior_samples_need_their_dropout_behind_the_cut(tmp_path):
    def inside():
        return nn.Sequential(frozen(dropout=0.3), nn.Linear(8, 3))

    assert rounds(inside, tmp_path / "f.npy")[0] == rounds(inside, None)[0]  # it is off
    strategy = strategy_of(seeded(inside), tmp_path / "g.npy", criterion=al.BALD(), samples=5)
    with pytest.raises(ConfigurationError, match=r"dropout of .*keep it out of the frozen part"):
        strategy.query(5)


def test_a_shortcut_around_the_backbone_is_refused(tmp_path):
    class Shortcut(Necked):
        def forward(self, x):
            return self.head(self.neck(self.backbone(x))) + x.mean((2, 3))

    with pytest.raises(ConfigurationError, match="no frozen part"):
        strategy_of(seeded(Shortcut), tmp_path / "f.npy").query(5)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda: nn.Sequential(Backbone(), nn.Linear(8, 3)), {}),
        (lambda: sequential().requires_grad_(False), {}),
        (sequential, {"outputs": lambda returned, x: returned}),
    ],
)
def test_nothing_to_keep_is_an_error_that_names_the_remedy(make, options, tmp_path):
    strategy = strategy_of(seeded(make), tmp_path / "f.npy", **options)
    with pytest.raises(ConfigurationError, match="cache_features="):
        strategy.query(5)
    assert not list(tmp_path.glob("*.npy"))


@pytest.mark.parametrize("whole", [False, True])
def test_an_ensemble_has_several_networks_to_keep_features_of(whole, tmp_path):
    net, options = seeded(sequential), {} if whole else {"members": 2}
    strategy = strategy_of(al.Ensemble(net, 2) if whole else net, tmp_path / "f.npy", **options)
    with pytest.raises(ConfigurationError, match=r"an ensemble has several.* leave out"):
        strategy.query(5)


def test_the_file_must_be_npy_and_no_other_file_is_overwritten(tmp_path):
    with pytest.raises(ConfigurationError, match=r"must be a \.npy file"):
        strategy_of(seeded(sequential), tmp_path / "f.bin")
    np.save(tmp_path / "mine.npy", np.ones(3))
    with pytest.raises(FolderError, match="did not write it"):
        strategy_of(seeded(sequential), tmp_path / "mine.npy").query(5)
    np.testing.assert_array_equal(np.load(tmp_path / "mine.npy"), np.ones(3))


# --- interruptions --------------------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [0, 1, 3, 6, 7])
def test_an_interrupted_computation_is_resumed(after, tmp_path):
    plain, _ = rounds(sequential, None, count=1)

    seen = []

    class Stops(Backbone):
        def forward(self, x):
            seen.append(0 if torch.is_grad_enabled() else len(x))  # not in training
            if sum(seen) > 32 * after + 20:
                raise Killed
            return super().forward(x)

    def stopping():
        made = sequential()
        made[0].__class__ = Stops
        return made

    Stops.__qualname__ = Stops.__name__ = "Backbone"
    with pytest.raises(Killed):
        rounds(stopping, tmp_path / "f.npy", count=1)
    picks, rows = rounds(sequential, tmp_path / "f.npy", count=1)
    assert picks == plain
    assert rows[0] <= N - 64 * (after // 2) + 9
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".f.npy.lock",
        "f.npy",
        "f.npy.json",
    ]


@pytest.mark.parametrize("place", range(4))
def test_a_kill_while_the_file_is_replaced_leaves_no_rows_of_others(place, tmp_path, monkeypatch):
    rounds(sequential, tmp_path / "f.npy", count=1)
    changed = images(seed=3)
    plain, _ = rounds(sequential, None, dataset=changed)
    calls = iter(range(99))
    replace = caches.os.replace

    def killed(*paths):
        if next(calls) == place:
            raise Killed
        replace(*paths)

    monkeypatch.setattr(caches.os, "replace", killed)
    try:
        rounds(sequential, tmp_path / "f.npy", count=1, dataset=images(seed=3))
    except Killed:
        pass
    else:
        assert place == 3
    monkeypatch.undo()
    assert rounds(sequential, tmp_path / "f.npy", dataset=images(seed=3))[0] == plain
    assert json.loads((tmp_path / "f.npy.json").read_text())["file"] == "f.npy"


def test_labels_are_never_read(tmp_path):
    class Paid(Dataset):
        def __len__(self):
            return N

        def __getitem__(self, index):
            return DATA[0][index], DATA[1][index] if index < 6 else Poison(index)

    class Poison:
        def __init__(self, index):
            self.index = index

        def __getattr__(self, name):
            raise AssertionError(f"the label of {self.index} was read")

    pool = al.ActiveLearningDataset(Paid())
    pool.annotate(range(6))
    strategy = strategy_of(seeded(sequential), tmp_path / "f.npy", pool)
    assert len(strategy.query(5)) == 5


def test_workers_and_dict_items_are_read_too(tmp_path):
    class Items(Dataset):
        def __len__(self):
            return N

        def __getitem__(self, index):
            return {"image": DATA[0][index], "label": int(DATA[1][index])}

    def queried(cache, **options):
        pool = pool_of(Items(), label_key="label", input_key="image")
        return strategy_of(seeded(sequential), cache, pool, **options).query(5).indices.tolist()

    plain = queried(None)
    assert queried(tmp_path / "f.npy") == plain
    assert queried(tmp_path / "g.npy", loader={"num_workers": 2}) == plain


DATA = images().tensors
