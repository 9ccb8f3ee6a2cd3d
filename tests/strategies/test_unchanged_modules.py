"""LightningModules and networks of other people, as they are: sampled, repeated, and called."""

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError


class Dropped(L.LightningModule):
    """Another person's module: dropout as a layer, its own training."""

    def __init__(self, function=None, rate=0.4):
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(2, 16), nn.Dropout(rate), nn.Linear(16, 3)
        self.function = function
        self.steps = 0

    def forward(self, x):
        x = self.drop(self.body(x).relu())
        return self.head(x if self.function is None else self.function(x, self.training))

    def training_step(self, batch, batch_idx):
        self.steps += 1
        return F.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


WAYS = {
    "samples": lambda net, pool: al.ActiveLearner(net, pool, al.BALD(), samples=6, seed=0),
    "block": lambda net, pool: al.ActiveLearner(al.MCDropout(net, 6), pool, al.BALD(), seed=0),
    "strategy": lambda net, pool: al.Strategy(al.MCDropout(net, 6), pool, al.BALD(), seed=0),
    "paper": lambda net, pool: al.bald(net, pool, samples=6, seed=0),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_module_is_sampled_at_scoring_and_trained_by_itself(way, pool, quiet):
    torch.manual_seed(0)
    net = Dropped()
    learner = way(net, pool).build()
    learner.fit(max_steps=4, **quiet)
    assert net.steps == 4
    assert learner.module is net
    query = learner.query(5)
    assert "the default of samples=" not in query.why
    left = pool.unannotated_indices
    x = pool._samples.dataset.tensors[0][left]
    with torch.no_grad():
        outputs = al.MCDropout(net, 6).build().eval()(x)
    expected = al.BALD()(al.Prediction(outputs, torch.from_numpy(left)))
    rows = np.searchsorted(left, query.indices)
    np.testing.assert_allclose(query.scores, expected[rows], atol=1e-6)
    assert not list(net.drop._forward_hooks)
    net.train()


def test_disagreement_without_a_declaration_is_sampled_and_stated(pool):
    remark = "; 20 posterior samples by MC dropout, the default of samples="
    learner = al.ActiveLearner(Dropped(), pool, al.Margin(), seed=0)
    assert remark not in learner.query(3).why
    for criterion in (al.BALD(), 0.5 * al.Rank(al.criteria.VoteEntropy()) + al.Rank(al.Margin())):
        learner.criterion = criterion
        query = learner.query(3)
        assert remark in query.why
        assert (query.scores > 0).all()
        assert "MC dropout" in repr(al.doctor(query))
        assert "20 samples" in al.doctor(query)["posterior samples"].says
    learner.acquisition = al.Acquisition(selector=al.selectors.BatchBALD())
    assert remark in learner.query(3).why
    twin = learner.new().build()
    assert twin.query(3).indices.tolist() == learner.query(3).indices.tolist()


def test_a_module_that_samples_by_itself_is_left_alone(pool):
    class Own(Dropped):
        posterior_samples = True

        def forward(self, x):
            if self.training:
                return super().forward(x)
            return torch.stack([super(Own, self).forward(k * x) for k in range(1, 4)], 1)

    inner = Dropped()
    inner.head = al.MCDropout(nn.Sequential(nn.Dropout(0.5), nn.Linear(16, 3)), 4).build()
    for net, k in ((Own(), 3), (inner, 4)):
        learner = al.ActiveLearner(net, pool, al.BALD(), seed=0)
        (prediction,) = learner.predictions(pool, [0, 1])
        assert prediction.outputs.shape == (2, k, 3)
        assert "MC dropout" not in learner.query(3).why


def test_what_cannot_be_sampled_is_refused(pool):
    both = Dropped(lambda x, training: F.dropout(x, 0.5, training))
    for options in ({}, {"samples": 5}):
        with pytest.raises(ConfigurationError, match=r"F.dropout\(p=0.5\).*layer"):
            al.ActiveLearner(both, pool, al.BALD(), seed=0, **options).query(3)
    with pytest.raises(ConfigurationError, match="drops at random"):
        al.ActiveLearner(Dropped(rate=0.0), pool, samples=5)
    with pytest.raises(ConfigurationError, match="samples must be an integer of at least 1, got 0"):
        al.ActiveLearner(Dropped(), pool, samples=0)
    with pytest.raises(ConfigurationError, match="give samples= to the block or to the strategy"):
        al.ActiveLearner(al.MCDropout(Dropped()), pool, samples=5)
    with pytest.raises(ConfigurationError, match="give members= to the block or to the strategy"):
        al.ActiveLearner(al.Ensemble(Dropped(), 3), pool, members=5)
    with pytest.raises(ConfigurationError, match="trains and measures by itself: give loss"):
        al.Strategy(al.MCDropout(Dropped()), pool, loss=nn.CrossEntropyLoss())


ENSEMBLES = {
    "members": (lambda pool: al.ActiveLearner(Dropped(), pool, al.BALD(), members=3), 3),
    "block": (lambda pool: al.Strategy(al.Ensemble(Dropped(), 3), pool, al.BALD()), 3),
    "list": (lambda pool: al.Strategy(al.Ensemble([Dropped(), Dropped()]), pool, al.BALD()), 2),
    "paper": (lambda pool: al.committee(Dropped(), pool, members=3), 3),
    "both": (lambda pool: al.ActiveLearner(Dropped(), pool, al.BALD(), members=3, samples=2), 6),
    "blocks": (lambda pool: al.Strategy(al.MCDropout(al.Ensemble(Dropped(), 3), 2), pool), 6),
    "network": (lambda pool: al.Strategy(nn.Linear(2, 3), pool, al.BALD(), members=4), 4),
}


@pytest.mark.parametrize(("make", "k"), ENSEMBLES.values(), ids=ENSEMBLES.keys())
def test_ensembles_of_a_module_are_declared_in_each_of_these_ways(make, k, pool, quiet):
    learner = make(pool).build()
    learner.fit(max_steps=2, **quiet)
    assert all(getattr(member, "steps", 2) == 2 for member in learner.module.members)
    (prediction,) = learner.predictions(pool, [0, 1])
    assert prediction.outputs.shape == (2, k, 3)
    assert len(learner.query(4)) == 4


# --- inputs -------------------------------------------------------------------------------------


class Rows(Dataset):
    """Dict items: two inputs, an id, and a label under ``label``."""

    def __init__(self, n=60, label="label", seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.a, self.b = torch.randn(2, n, 4, generator=generator)
        self.y = (self.a[:, 0] + self.b[:, 0] > 0).long()
        self.label = label

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"a": self.a[i], "b": self.b[i], "id": i, self.label: self.y[i]}


class Pairs(Rows):
    """The same as ``((a, b), y)``."""

    def __getitem__(self, i):
        return (self.a[i], self.b[i]), self.y[i]


class Nested(Rows):
    """The same as ``({"a": a, "b": b}, y)``."""

    def __getitem__(self, i):
        return {"a": self.a[i], "b": self.b[i]}, self.y[i]


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, a, b):
        return self.left(a) + self.right(b)


class Whole(Two):
    def forward(self, batch):
        return super().forward(batch["a"], batch["b"])


class Alone(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)


CASES = {
    "by name": (Two, Rows, {}, {}),
    "another label": (Two, lambda **k: Rows(label="kind", **k), {"label_key": "kind"}, {}),
    "nested": (Two, Nested, {}, {}),
    "nested and whole": (Whole, Nested, {}, {"inputs": lambda b: b}),
    "dict": (Two, Rows, {}, {"inputs": lambda b: {"b": b["b"], "a": b["a"]}}),
    "tuple": (Two, Rows, {}, {"inputs": lambda b: (b["a"], b["b"])}),
    "pairs": (Two, Pairs, {}, {}),
    "tuple of pairs": (Two, Pairs, {}, {"inputs": lambda b: tuple(b[0])}),
    "whole": (Whole, Rows, {}, {"inputs": lambda b: b}),
    "key of the pool": (Alone, Rows, {"input_key": "a"}, {}),
    "key of the strategy": (Alone, Rows, {}, {"inputs": "a"}),
    "the strategy wins": (Alone, Rows, {"input_key": "b"}, {"inputs": "a"}),
}


@pytest.mark.parametrize(("net", "data", "keys", "options"), CASES.values(), ids=CASES.keys())
def test_a_network_is_trained_tested_and_scored_on_the_same_inputs(net, data, keys, options, quiet):
    train, test = data(), data(n=40, seed=1)
    pool = al.ActiveLearningDataset(train, **keys)
    pool.annotate_random(20, seed=0)
    torch.manual_seed(0)
    network = net()
    strategy = al.Strategy(network, pool, test=test, seed=0, batch_size=20, **options).build()

    def by_hand(rows):
        if net is Alone:
            return network(rows.a)
        return network.left(rows.a) + network.right(rows.b)

    with torch.no_grad():
        loss = F.cross_entropy(
            by_hand(train)[pool.annotated_indices], train.y[pool.annotated_indices]
        )
    strategy.fit(max_steps=1, **quiet)
    assert strategy.history.step_history["train_loss_step"]["value"] == [pytest.approx(loss.item())]
    with torch.no_grad():
        loss = F.cross_entropy(by_hand(test), test.y)
        outputs = by_hand(train)
    assert strategy.test()["test_loss_epoch"] == pytest.approx(loss.item(), rel=1e-5)
    (prediction,) = [*strategy.predictions(pool, range(20))]
    torch.testing.assert_close(prediction.outputs[:, 0], outputs[:20])
    assert len(strategy.query(5)) == 5


@pytest.mark.parametrize("wrap", [lambda n: al.MCDropout(n, 3), lambda n: al.Ensemble(n, 3)])
def test_several_inputs_pass_through_posterior_samples(wrap, quiet):
    class Drops(Two):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, a, b):
            return super().forward(self.drop(a), b)

    for data in (Rows(), Pairs()):
        pool = al.ActiveLearningDataset(data)
        pool.annotate_random(20, seed=0)
        strategy = al.Strategy(wrap(Drops()), pool, al.BALD(), test=data, seed=0).build()
        strategy.fit(max_steps=3, **quiet)
        assert strategy.test()["test_loss_epoch"] > 0
        assert (strategy.query(3).scores > 0).all()


def test_inputs_that_do_not_fit_forward_are_refused(pool):
    rows = al.ActiveLearningDataset(Rows())
    rows.annotate_random(20, seed=0)
    for net, message in (
        (Whole(), "a.*not name|under the names of the parameters"),
        (nn.Bilinear(4, 4, 2), "under the names of the parameters of forward"),
    ):
        strategy = al.Strategy(net, rows, seed=0).build()
        with pytest.raises(ModelOutputError, match=message):
            strategy.query(3)
        with pytest.raises(ModelOutputError, match=message):
            strategy.fit(max_steps=1, enable_progress_bar=False)
    with pytest.raises(ConfigurationError, match=r"forward\(a, b\) .* called with one argument"):
        al.Strategy(Two(), pool, seed=0).build().query(3)


def test_a_function_of_the_outputs_reads_them_for_training_tests_and_scores(quiet):
    class Pair(Alone):
        def forward(self, a):
            y = super().forward(a)
            return {"wrong": 9 * y, "right": y}

    rows = Rows()
    pool = al.ActiveLearningDataset(rows, input_key="a")
    pool.annotate_random(20, seed=0)
    net, read = Pair(), lambda returned: returned["right"]
    strategy = al.Strategy(net, pool, test=rows, outputs=read, seed=0, batch_size=20).build()
    chosen = pool.annotated_indices
    with torch.no_grad():
        loss = F.cross_entropy(net(rows.a)["right"][chosen], rows.y[chosen]).item()
    strategy.fit(max_steps=1, **quiet)
    assert strategy.history.step_history["train_loss_step"]["value"] == [pytest.approx(loss)]
    with torch.no_grad():
        outputs = net(rows.a)["right"]
    loss = F.cross_entropy(outputs, rows.y).item()
    assert strategy.test()["test_loss_epoch"] == pytest.approx(loss, rel=1e-5)
    (prediction,) = [*strategy.predictions(pool, range(20))]
    torch.testing.assert_close(prediction.outputs[:, 0], outputs[:20])
    for options in ({"samples": 2}, {"members": 2}):
        with pytest.raises(ConfigurationError, match="function of what one call"):
            al.ActiveLearner(Dropped(), pool, outputs=read, **options)


# --- transformers -------------------------------------------------------------------------------


def bert():
    """A tiny BERT with random weights; nothing is downloaded."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=12,
        num_labels=3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertForSequenceClassification(config)


class Sentences(Dataset):
    """Tokens of different lengths, as a tokenizer returns them."""

    def __len__(self):
        return 40

    def __getitem__(self, i):
        tokens = np.random.default_rng(i).integers(1, 30, 3 + i % 7).tolist()
        return {"input_ids": tokens, "attention_mask": [1] * len(tokens), "label": tokens[0] % 3}


def padded(items):
    """What DataCollatorWithPadding does: pads, and renames the label."""
    longest = max(len(item["input_ids"]) for item in items)
    batch = {
        key: torch.tensor([item[key] + [0] * (longest - len(item[key])) for item in items])
        for key in ("input_ids", "attention_mask")
    }
    if "label" in items[0]:
        batch["labels"] = torch.tensor([item["label"] for item in items])
    return batch


class Fine(L.LightningModule):
    """A fine-tuning as the documentation of transformers has it."""

    def __init__(self):
        super().__init__()
        self.net = bert()

    def forward(self, **batch):
        return self.net(**batch)

    def training_step(self, batch, batch_idx):
        return self(**batch).loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def sentences():
    pool = al.ActiveLearningDataset(Sentences())
    pool.annotate_random(12, seed=0)
    return pool


def logits(net, ids):
    with torch.no_grad():
        return net.eval()(**padded([{**Sentences()[i]} for i in ids])).logits


@pytest.mark.parametrize("kind", ["learner", "strategy"])
def test_a_model_of_transformers_works_as_it_is(kind, quiet):
    pool, loader = sentences(), {"collate_fn": padded}
    if kind == "learner":
        module = Fine()
        net = module.net
        learner = al.ActiveLearner(module, pool, al.Entropy(), loader=loader, seed=0)
    else:
        net = bert()
        learner = al.Strategy(net, pool, al.Entropy(), test=Sentences(), loader=loader, seed=0)
        learner.build()
    learner.fit(max_steps=3, **quiet)
    if kind == "strategy":
        y = torch.tensor([row["label"] for row in map(Sentences().__getitem__, range(40))])
        loss = F.cross_entropy(logits(net, range(40)), y).item()
        assert learner.test()["test_loss_epoch"] == pytest.approx(loss, rel=1e-4)
    query = learner.query(4)
    left = pool.unannotated_indices
    p = logits(net, left).softmax(1)
    by_hand = -(p * p.log()).sum(1)
    rows = np.searchsorted(left, query.indices)
    np.testing.assert_allclose(query.scores, by_hand[rows], rtol=1e-4)


def test_features_and_posterior_samples_of_a_transformer(quiet):
    pool, loader = sentences(), {"collate_fn": padded}
    path = "net.bert"
    learner = al.ActiveLearner(
        Fine(), pool, selector=al.KCenter(), features=path, loader=loader, seed=0, test_batch_size=5
    )
    assert len(learner.query(4)) == 4
    (prediction, *_) = learner.predictions(pool, range(9))
    assert prediction.features.shape == (5, 16)  # the pooled output, for any length
    learner = al.ActiveLearner(Fine(), pool, al.BALD(), loader=loader, samples=4, seed=0)
    assert (learner.query(3).scores > 0).all()
    learner = al.ActiveLearner(
        Fine(), pool, selector=al.KCenter(), features="net.bert.encoder", loader=loader, seed=0,
        test_batch_size=3,
    )  # fmt: skip
    (prediction, *_) = learner.predictions(pool, range(9))
    assert prediction.features.shape == (3, 16)  # the mean over the tokens that count
    assert len(learner.query(4)) == 4
