"""Querying: what is asked for, that asking changes nothing, and what is refused."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import (
    BuiltError,
    ConfigurationError,
    LabelError,
    NonFiniteError,
    PicksError,
    QuerySizeError,
    ScoreError,
    UnbuiltError,
)


class Stream(IterableDataset):
    """A dataset that has a length and no items by position."""

    def __len__(self):
        return 3

    def __iter__(self):
        return iter([(1, 2)] * 3)


KINDS = ["uniform", "uncertainty", "adversarial"]


def make(kind, pool, net, **options):
    options = {"seed": 3, "batch_size": 8, **options}
    if kind == "adversarial":
        layers, head = net(), net()[3]
        with torch.random.fork_rng():
            torch.manual_seed(1)
            critic = nn.Sequential(nn.Dropout(), nn.Linear(8, 1))
        return al.AdversarialStrategy(layers[:3], head, critic, pool, **options).build()
    if kind == "uniform":
        return al.UniformStrategy(net(), pool, **options).build()
    return al.UncertaintyStrategy(net(), al.Margin(), pool, **options).build()


def probabilities(strategy, pool):
    """Softmax over the unannotated samples in eval mode, by hand, in one batch."""
    network = copy.deepcopy(strategy.module.model).eval()
    data = pool._samples.dataset
    x = torch.stack([data[i][0] for i in pool.unannotated_indices])
    with torch.no_grad():
        return network(x).softmax(1).numpy()


def everything(strategy):
    """All that a query could change."""
    pool = strategy.train_pool
    return (
        {name: value.tolist() for name, value in strategy.state_dict().items()},
        [module.training for module in strategy.modules()],
        [(p.requires_grad, None if p.grad is None else p.grad.tolist(), p.device.type)
         for p in strategy.parameters()],
        [len(module._forward_hooks) for module in strategy.modules()],
        pool.state_dict(),
        None if strategy.val_pool is None else strategy.val_pool.state_dict(),
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        random.getstate(),
        torch.is_grad_enabled(),
    )  # fmt: skip


# --- what is asked for ------------------------------------------------------------------------


@pytest.mark.parametrize("fitted", [False, True])
def test_the_most_uncertain_are_queried_as_by_hand(fitted, pool, net, quiet):
    for criterion, by_hand in [
        (al.Margin(), lambda p: 1 - np.diff(np.sort(p, 1)[:, -2:], axis=1)[:, 0]),
        (al.Entropy(), lambda p: -(p * np.log(p)).sum(1)),
    ]:
        strategy = al.Strategy(net(), pool, criterion, batch_size=7, seed=0).build()
        if fitted:
            strategy.fit(max_steps=5, **quiet)
        scores = by_hand(probabilities(strategy, pool))
        best = np.argsort(-scores)[:9]  # 36 candidates; the last batch of 7 is partial
        query = strategy.query(9)
        assert query.indices.tolist() == pool.unannotated_indices[best].tolist()
        np.testing.assert_allclose(query.scores, scores[best], rtol=1e-5)
        guesses = probabilities(strategy, pool).argmax(1)[best]
        assert query.guesses.tolist() == guesses.tolist()
        assert query.why.startswith(f"TopK() of {criterion!r}")
        assert query.round == 1


def test_a_query_does_not_depend_on_the_batch_size(pool, net):
    queries = [
        make("adversarial", pool, net, test_batch_size=size).query(36).indices.tolist()
        for size in (1, 5, 36, 100)
    ]
    assert queries[1:] == queries[:-1]
    assert sorted(queries[0]) == pool.unannotated_indices.tolist()


def test_ranks_are_those_of_the_whole_pool_and_not_of_a_chunk(pool, net):
    criterion = al.Rank(al.Margin()) + al.Rank(lambda prediction: prediction.outputs[:, 0, 0])
    strategy = al.Strategy(net(), pool, criterion, test_batch_size=4, seed=0).build()
    p = probabilities(strategy, pool)
    margin = 1 - np.diff(np.sort(p, 1)[:, -2:], axis=1)[:, 0]
    query = strategy.query(36)
    assert len(set(np.round(query.scores, 6))) > 20  # per chunk of 4 there would be 7 values
    position = {i: k for k, i in enumerate(pool.unannotated_indices.tolist())}
    rank = margin.argsort().argsort() / 35
    with torch.no_grad():
        model = copy.deepcopy(strategy.module.model).eval()
        first = model(pool._samples.dataset.tensors[0][pool.unannotated_indices])[:, 0].numpy()
    total = rank + first.argsort().argsort() / 35
    expected = [total[position[i]] for i in query]
    np.testing.assert_allclose(query.scores, expected, atol=1e-6)


def test_scores_are_joined_by_id_in_whatever_order_the_predictions_come(pool, net):
    class Backwards(al.Strategy):
        def predictions(self, pool, indices):
            indices = torch.as_tensor(indices)
            yield from super().predictions(pool, indices.flip(0))

    expected = al.Strategy(net(), pool, seed=0).build().query(8)
    query = Backwards(net(), pool, seed=0).build().query(8)
    assert query.indices.tolist() == expected.indices.tolist()
    assert query.guesses.tolist() == expected.guesses.tolist()


def test_the_pool_is_scored_through_its_scoring_transform(blobs, net):
    def augment(x):
        raise RuntimeError("scored under augmentation")

    pool = al.ActiveLearningDataset(blobs(), transform=augment, scoring_transform=lambda x: -x)
    plain = al.ActiveLearningDataset(blobs(), transform=lambda x: -x)
    queries = [al.Strategy(net(), p, seed=0).build().query(9) for p in (pool, plain)]
    assert queries[0].indices.tolist() == queries[1].indices.tolist()


def test_two_dimensional_predictions_of_every_declared_kind_ask_for_the_same(pool, net):
    tails = {
        "logits": nn.Identity(),
        "probabilities": nn.Softmax(1),
        "log_probabilities": nn.LogSoftmax(1),
    }
    asked = []
    for kind, tail in tails.items():
        network = nn.Sequential(net(), tail)
        asked.append(al.Strategy(network, pool, outputs=kind, seed=0).build().query(9))
    assert asked[0].indices.tolist() == asked[1].indices.tolist() == asked[2].indices.tolist()


def test_values_are_scored_by_a_criterion_for_values(blobs):
    x, _ = blobs().tensors
    pool = al.ActiveLearningDataset(TensorDataset(x, x.sum(1)))
    module = al.Regressor(nn.Linear(2, 1)).build()
    learner = al.ActiveLearner(module, pool, lambda prediction: prediction.outputs[:, 0, 0], seed=0)
    with torch.no_grad():
        best = int(module(x)[:, 0].argmax())
    query = learner.query(1)
    assert query.indices.tolist() == [best]
    np.testing.assert_allclose(query.guesses.ravel(), module(x[best]).detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("path", ["model.2", "2"])
def test_features_are_the_output_of_the_named_layer(pool, net, path):
    seen = {}

    def keep(prediction):
        seen.update(zip(prediction.ids.tolist(), prediction.features))
        return prediction.features.sum(1)

    strategy = al.Strategy(net(), pool, keep, features=path, batch_size=7, seed=0).build()
    strategy.query(1)
    part = copy.deepcopy(strategy.module.model[:3]).eval()
    for index in pool.unannotated_indices.tolist():
        expected = part(pool[index][None])[0]
        torch.testing.assert_close(seen[index], expected)
    wrong = al.Strategy(net(), pool, keep, features="model.9").build()
    with pytest.raises(ConfigurationError, match=r"model\.9.*it has.*model\.2"):
        wrong.query(1)


def test_a_plain_module_is_enough_and_its_images_of_one_keep_their_axis(blobs):  # fault 33
    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 3)

        def forward(self, x):
            return self.linear(x)

    pool = al.ActiveLearningDataset(blobs(n=33))
    query = al.UncertaintyStrategy(Squeezed(), al.Margin(), pool, batch_size=32).build().query(33)
    assert sorted(query) == list(range(33))


def test_a_query_goes_to_a_file_and_back(pool, net, tmp_path):
    strategy = make("uncertainty", pool, net)
    query = strategy.query(3)
    path = tmp_path / "round.csv"
    query.save(path)
    rows = path.read_text().splitlines()
    assert rows[0] == "rank,id,name,round,score,guess,why,label"
    path.write_text("\n".join([rows[0], *(row + "2" for row in rows[1:])]))
    assert sorted(pool.annotate(path)) == sorted(query)
    assert (pool.rounds[query.indices] == 1).all()
    assert [pool[i][1] for i in query] == [2, 2, 2]


def test_uniform_draws_every_sample_equally_often_and_differs_with_the_seed(blobs, net):
    pool = al.ActiveLearningDataset(blobs(n=10))
    counts = np.zeros(10)
    for seed in range(60):
        counts[make("uniform", pool, net, seed=seed).query(5).indices] += 1
    assert counts.sum() == 300
    assert (abs(counts - 30) < 4 * np.sqrt(60 / 4)).all()


def test_uniform_reads_only_what_it_picked(net, blobs):
    data = blobs(n=200)
    read = []

    class Counting(Dataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, index):
            read.append(index)
            return data[index]

    query = make("uniform", al.ActiveLearningDataset(Counting()), net).query(5)
    assert sorted(read) == sorted(query)


# --- asking changes nothing -------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_changes_nothing_and_is_repeatable(kind, pool, net, quiet, blobs):
    val = al.ActiveLearningDataset(blobs(30, seed=5))
    strategy = make(kind, pool, net, val_pool=val)
    for _ in range(2):  # untouched by a Trainer, then after one
        for k, module in enumerate(strategy.modules()):
            module.training = k % 3 > 0  # frozen parts among others
        next(strategy.parameters()).requires_grad_(False)
        before = everything(strategy)
        first, second = strategy.query(10), strategy.query(10)
        assert everything(strategy) == before
        assert first.indices.tolist() == second.indices.tolist()
        assert first.validation.indices.tolist() == second.validation.indices.tolist()
        next(strategy.parameters()).requires_grad_(True)
        trainer = al.Trainer(max_steps=2, **quiet)
        trainer.fit(strategy)
        del trainer


class Sick(nn.Module):
    """NaN for one sample in fifty, and everything in order otherwise."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return torch.where(x[:, :1] > x[:, :1].max() - 1e-6, torch.nan, self.net(x))


def wrong_shape(prediction):
    return prediction.outputs


def wrong_number(prediction):
    return torch.zeros(3)


def not_finite(prediction):
    return prediction.outputs[:, 0, 0] / 0


@pytest.mark.parametrize(
    ("network", "criterion", "error"),
    [
        (Sick, al.Margin(), NonFiniteError),
        (lambda net: net, wrong_shape, ScoreError),
        (lambda net: net, wrong_number, ScoreError),
        (lambda net: net, not_finite, NonFiniteError),
    ],
)
def test_invalid_outputs_and_scores_raise_and_change_nothing(network, criterion, error, pool, net):
    strategy = al.Strategy(network(net()), pool, criterion, batch_size=7, seed=0).build()
    before = everything(strategy)
    with pytest.raises(error) as caught:  # whose traceback is alive while we look
        strategy.query_and_update(5)
    assert everything(strategy) == before
    assert str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, -1, 37, True, 2.5, "3", None])
def test_a_wrong_n_raises_for_every_strategy_and_changes_nothing(kind, n, pool, net):  # fault 22
    strategy = make(kind, pool, net)
    before = everything(strategy)
    for ask in strategy.query, strategy.query_and_update:
        with pytest.raises(QuerySizeError):
            ask(n)
    assert everything(strategy) == before


def test_a_pool_can_be_used_up_and_then_raises(pool, net):
    strategy = make("uncertainty", pool, net)
    assert len(strategy.query_and_update(np.int64(36))) == 36
    with pytest.raises(QuerySizeError, match="only 0 are unannotated"):
        strategy.query(1)


def test_an_unbuilt_strategy_cannot_be_queried_reset_or_built_twice(pool, net):  # fault 20
    strategy = al.Strategy(net(), pool)
    for use in (lambda: strategy.query(1), strategy.reset_model):
        with pytest.raises(UnbuiltError, match="build"):
            use()
    strategy.build()
    with pytest.raises(BuiltError):
        strategy.build()


# --- overriding -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", [list, np.array, torch.tensor, al.Query, lambda x: al.Query(np.array(x), why="mine")]
)
def test_query_strategy_alone_may_be_overridden(form, pool, net):
    class Last(al.Strategy):
        def query_strategy(self, pool, n):
            return form(pool.unannotated_indices[-n:].tolist())

    strategy = Last(net(), pool).build()
    query = strategy.query_and_update(4)
    assert isinstance(query, al.Query)
    assert isinstance(query.indices, np.ndarray)
    assert query.indices.tolist() == sorted(query)
    assert (pool.rounds[query.indices] == 1).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda pool, n: np.arange(n),  # positions among the unannotated
        lambda pool, n: pool.annotated_indices[:n],
        lambda pool, n: [pool.unannotated_indices[0]] * n,
        lambda pool, n: pool.unannotated_indices[: n - 1],
        lambda pool, n: pool.unannotated_indices[: n + 1],
        lambda pool, n: [1e3] * n,
        lambda pool, n: [-1, 60, 61, 62],
        lambda pool, n: pool.rounds < 0,
        lambda pool, n: None,
        lambda pool, n: [],
        lambda pool, n: [[1, 2], [3]],
    ],
)
def test_what_query_strategy_may_not_return(wrong, blobs, net):
    class Wrong(al.Strategy):
        def query_strategy(self, pool, n):
            return wrong(pool, n)

    pool = al.ActiveLearningDataset(blobs())
    pool.annotate(range(24))
    strategy = Wrong(net(), pool).build()
    before = everything(strategy)
    with pytest.raises(PicksError, match="query_strategy"):
        strategy.query_and_update(4)
    assert everything(strategy) == before


def test_score_alone_may_be_overridden(pool, net):
    class Tall(al.Strategy):
        def score(self, prediction):
            return prediction.outputs[:, 0].max(1).values

    strategy = Tall(net(), pool, test_batch_size=5, seed=0).build()
    model = copy.deepcopy(strategy.module.model).eval()
    with torch.no_grad():
        x = torch.stack([pool[int(i)] for i in pool.unannotated_indices])
        best = model(x).amax(1).argsort(descending=True)[:5]
    query = strategy.query(5)
    assert query.indices.tolist() == pool.unannotated_indices[best].tolist()
    assert "score" in query.why


def test_functions_may_stand_for_criterion_and_selector(pool, net):
    def first(candidates, n, generator):
        return torch.arange(n)

    strategy = al.Strategy(net(), pool, lambda p: p.outputs[:, 0, 0], first).build()
    assert strategy.query(3).indices.tolist() == pool.unannotated_indices[:3].tolist()


# --- annotating -------------------------------------------------------------------------------


def test_query_and_update_returns_what_it_annotated(pool, net):  # fault 21
    strategy = make("uncertainty", pool, net)
    expected = strategy.query(5)
    before = pool.annotated_indices
    query = strategy.query_and_update(5)
    assert query.indices.tolist() == expected.indices.tolist()
    assert sorted(query) == np.setdiff1d(pool.annotated_indices, before).tolist()
    assert (pool.rounds[query.indices] == 1).all()


def test_labels_come_from_an_oracle_where_the_dataset_has_none(blobs, net, quiet):
    x, y = blobs().tensors
    pool = al.ActiveLearningDataset(list(x))
    pool.annotate(range(6), y[:6])
    strategy = al.Strategy(net(), pool, seed=0).build()
    query = strategy.query_and_update(5, lambda indices: y[indices])
    strategy.fit(max_steps=1, **quiet)
    assert [int(pool[i][1]) for i in query] == y[query.indices].tolist()
    before = pool.state_dict()
    for oracle in (None, lambda indices: [0], lambda indices: ["cat"] * 5, lambda indices: None):
        with pytest.raises(LabelError):
            strategy.query_and_update(5, oracle)
    assert pool.state_dict() == before


def test_a_share_of_each_query_goes_to_the_validation_pool_and_is_used(  # fault 23
    pool, net, blobs, quiet
):
    val = al.ActiveLearningDataset(blobs(30, seed=5))
    strategy = make(
        "uncertainty",
        pool,
        net,
        val_pool=val,
        val_share=0.3,
        val_metrics=[MulticlassAccuracy(3, average="micro")],
    )
    query = strategy.query_and_update(10)
    assert len(query) == 7
    assert len(query.validation) == 3
    assert sorted(query.validation) == val.annotated_indices.tolist()
    assert pool.get_num_annotated() == 31
    history = strategy.fit(max_epochs=1, **quiet).history
    (accuracy,) = history["valMulticlassAccuracy_epoch"]["value"]
    model = copy.deepcopy(strategy.module.model).eval()
    items = [val[int(i)] for i in val.annotated_indices]
    right = [int(model(x[None]).argmax()) == int(y) for x, y in items]
    assert accuracy == pytest.approx(np.mean(right))
    assert len(strategy.query(1)) == 1  # too little to share


def test_nothing_is_annotated_if_the_validation_pool_cannot_be(pool, net, blobs):
    x, _ = blobs(30).tensors
    val = al.ActiveLearningDataset(list(x))  # which has no labels
    strategy = make("uncertainty", pool, net, val_pool=val)
    before = everything(strategy)
    with pytest.raises(LabelError):
        strategy.query_and_update(10)
    assert everything(strategy) == before


# --- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"test_batch_size": 2.5}, "test_batch_size"),
        ({"steps_per_epoch": -1}, "steps_per_epoch"),
        ({"val_share": 1.5}, "val_share"),
        ({"val_pool": [1, 2]}, "val_pool must be an ActiveLearningDataset, got list"),
        ({"train_pool": [1, 2]}, "train_pool must be an ActiveLearningDataset"),
        ({"criterion": al.Margin}, r"Margin\(\)"),
        ({"selector": al.TopK}, r"TopK\(\)"),
        ({"outputs": "logit"}, "outputs must be one of"),
        ({"module": nn.Linear(2, 3)}, "use Strategy"),
        ({"seed": "a"}, "seed must be an integer"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
        ({"seed": True}, "seed must be an integer"),
        ({"features": 3}, r'features must be the path of a layer, such as "model\.0"'),
        ({"head": 3}, "head must be the path"),
        ({"loader": 4}, "loader must be a dict"),
        ({"loader": {"num_worker": 1}}, "Did you mean 'num_workers'"),
        ({"loader": {"batch_size": 4}}, "test_batch_size="),
        ({"loader": {"shuffle": True}}, "seed= alone"),
        ({"loader": {"num_workers": -1}}, "should be non-negative"),
        ({"val_share": "a"}, "val_share"),
    ],
)
def test_wrong_arguments_are_named(wrong, message, pool, net):
    arguments = {"module": al.Classifier(net()), "train_pool": pool, **wrong}
    with pytest.raises(ConfigurationError, match=message):
        al.ActiveLearner(**arguments)


@pytest.mark.parametrize("name", ["val", "test"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (5, "got 5"),
        ([], "at least one sample"),
        ("images/", "ImageFolder"),
        ({"a": 1}, "got dict"),
        (torch.zeros(3, 2), "got a Tensor: pass a dataset"),
        ((torch.zeros(3, 2), torch.zeros(3)), "got tuple"),
        (DataLoader([(1, 2)]), "DataLoader: pass its dataset"),
        (iter([1]), "__len__ and __getitem__"),
        (al.ActiveLearningDataset([(1, 2), (3, 4)]), "with unannotated ones"),
        (Stream(), "__getitem__"),
    ],
)
def test_what_is_no_labeled_dataset_is_refused_at_construction(name, wrong, message, pool, net):
    with pytest.raises(ConfigurationError, match=rf"{name}= needs .*{message}"):
        al.Strategy(net(), pool, **{name: wrong})


def test_labeled_datasets_of_several_forms_are_accepted(pool, net, blobs, quiet):
    whole = al.ActiveLearningDataset(blobs(12, seed=9))
    whole.annotate(range(12))
    expected = al.Strategy(net(), pool, test=blobs(12, seed=9)).build().test(**quiet)
    for same in (
        list(blobs(12, seed=9)),
        whole,
        whole.annotated,
        Subset(blobs(12, seed=9), range(12)),
    ):
        assert al.Strategy(net(), pool, test=same).build().test(**quiet) == expected


def test_validation_samples_that_may_be_trained_on_are_refused(blobs, net):
    data = blobs()
    pool = al.ActiveLearningDataset(data)
    for same in pool, al.ActiveLearningDataset(data):
        with pytest.raises(ConfigurationError, match="val_pool has samples of train_pool"):
            al.Strategy(net(), pool, val_pool=same)
    val = al.ActiveLearningDataset(blobs(seed=1))
    with pytest.raises(ConfigurationError, match="pass one of them"):
        al.Strategy(net(), pool, val_pool=val, val=blobs(seed=1))
    assert al.Strategy(net(), pool, val_pool=val).val_pool is val


def test_an_oracle_that_is_no_function_is_refused_before_the_query(pool, net):
    strategy = make("uncertainty", pool, net)
    before = everything(strategy)
    with pytest.raises(ConfigurationError, match=r"got list.*pool\.annotate"):
        strategy.query_and_update(3, oracle=[1, 2, 0])
    assert everything(strategy) == before


def test_an_oracle_that_returns_nothing_reveals_no_label(pool, net):
    strategy = al.Strategy(net(), pool, seed=0).build()
    before = pool.state_dict()
    with pytest.raises(LabelError, match="returned None"):
        strategy.query_and_update(3, oracle=lambda ids: None)
    assert pool.state_dict() == before
