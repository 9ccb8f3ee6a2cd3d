"""Tags of words: a planted hard word is asked for, and padding changes no score."""

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.criteria import Each, TopShare
from alkit.errors import ConfigurationError, ModelOutputError, PredictionError, SelectionWarning

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")

HARD = 49  # the word whose tag is a matter of chance
N = 40


class Sentences(Dataset):
    """Sentences of 0 to 11 words; the tag of a word is 1 above 25."""

    def __init__(self, lengths=(3, 7, 1, 11, 5), hard=()):
        self.lengths, self.hard = lengths, hard

    def __len__(self):
        return N

    def words(self, k):
        generator = torch.Generator().manual_seed(k)
        words = torch.randint(1, HARD, (self.lengths[k % len(self.lengths)],), generator=generator)
        if k in self.hard:
            words[k % len(words)] = HARD
        return words

    def __getitem__(self, k):
        words = self.words(k)
        tags = (words > 25).long()
        tags[words == HARD] = k % 2
        return {"input_ids": words, "label": tags}


def batch_of(items, mask=lambda kept: kept.long()):
    ids = pad_sequence([item["input_ids"] for item in items], batch_first=True)
    batch = {"input_ids": ids}
    if mask is not None:
        batch["attention_mask"] = mask(ids > 0)
    if "label" in items[0]:
        tags = [torch.as_tensor(item["label"]).long() for item in items]
        batch["label"] = pad_sequence(tags, batch_first=True, padding_value=-100)
    return batch


class Tagger(nn.Module):
    """Tags of words, each by itself; it never reads the mask."""

    def __init__(self, seed=0, tags=2, rate=0.0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.words, self.head = nn.Embedding(HARD + 1, 8), nn.Linear(8, tags)
        self.drop = nn.Dropout(rate)

    def forward(self, input_ids):
        return self.head(self.drop(self.words(input_ids)))


class Masked(Tagger):
    def forward(self, input_ids, attention_mask):
        return super().forward(input_ids)


def tagger(criterion=None, net=None, data=None, *, n=8, mask=lambda kept: kept.long(), **options):
    data = Sentences() if data is None else data
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(n))
    options = {"outputs": "tokens", "seed": 0, "test_batch_size": 7, **options}
    loader = {"collate_fn": lambda items: batch_of(items, mask)}
    net = Tagger() if net is None else net
    return al.Strategy(net, pool, criterion, loader=loader, **options).build()


def alone(strategy, query, score):
    """Scores of the samples of a query, each predicted alone, without padding."""
    data, model = strategy.train_pool._samples.dataset, strategy.module.eval().model
    with torch.no_grad():
        outputs = [Tagger.forward(model, data.words(k)[None]) for k in query.indices.tolist()]
    return pytest.approx([float(score(z[0].softmax(-1))) for z in outputs], abs=1e-5)


def entropy(p):
    return torch.special.entr(p).sum(-1)


def total(p):
    return entropy(p).sum()


# --- the planted word -----------------------------------------------------------------------------

PAPERS = {
    "max": (lambda *a, **k: al.Strategy(*a, Each(al.Entropy(), "max"), outputs="tokens", **k),
            lambda p: entropy(p).max()),
    "total": (al.strategies.total_token_entropy, total),
    "mean": (al.strategies.mean_token_entropy, lambda p: entropy(p).mean()),
    "mnlp": (al.strategies.mnlp, lambda p: -p.amax(-1).log().sum() / len(p)),
}  # fmt: skip


@pytest.mark.parametrize(("paper", "by_hand"), PAPERS.values(), ids=PAPERS.keys())
def test_the_sentence_with_the_planted_word_is_asked_for(paper, by_hand, quiet):
    data = Sentences((3, 7, 4, 11, 5), hard=(*range(16), 29))
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(28))
    strategy = paper(
        Tagger(), pool, optimizer=al.Adam(lr=0.1), loader={"collate_fn": batch_of}, seed=0,
        test_batch_size=5, batch_size=14,
    ).build()  # fmt: skip
    strategy.fit(max_steps=120, **quiet)
    query = strategy.query(6)
    assert query.indices[0] == 29
    assert query.scores == alone(strategy, query, by_hand)


# --- padding --------------------------------------------------------------------------------------

MASKS = {
    "bool": lambda kept: kept,
    "int": lambda kept: kept.long(),
    "float": lambda kept: kept.float(),
    "channel": lambda kept: kept[:, None],
    "list": lambda kept: kept.tolist(),
}
REDUCED = {
    "mean": lambda p: entropy(p).mean() if len(p) else 0,
    "sum": total,
    "max": lambda p: entropy(p).max() if len(p) else 0,
    TopShare(0.3): lambda p: entropy(p).topk(-(-3 * len(p) // 10)).values.mean() if len(p) else 0,
}


@pytest.mark.parametrize("batch_size", [1, 7, 40])
@pytest.mark.parametrize("net", [Tagger, Masked])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_a_sentence_in_a_batch_of_longer_ones_scores_as_it_does_alone(mask, net, batch_size):
    strategy = tagger(Each(al.Entropy(), "sum"), net(), mask=mask, test_batch_size=batch_size)
    query = strategy.query(N - 8)
    assert query.scores == alone(strategy, query, total)


@pytest.mark.parametrize("reduce", REDUCED, ids=str)
def test_sentences_may_be_empty(reduce):
    data = Sentences((3, 0, 7, 1))
    strategy = tagger(Each(al.Entropy(), reduce), data=data)
    query = strategy.query(N - 8)
    assert query.scores == alone(strategy, query, REDUCED[reduce])
    strategy.train_pool.annotate([9], [[]])
    strategy.fit(max_steps=2, enable_progress_bar=False)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (lambda kept: (1 - kept.float()) * -1e9, r"got -1e\+09.* mask == 0"),
        (lambda kept: torch.zeros(kept.shape).masked_fill(~kept, -torch.inf), "got -inf"),
        (lambda kept: kept.sum(1), "True, or 1, where a row counts"),
        (lambda kept: kept[:, None, None], r"\(7, 11\), got \(7, 1, 1, 11\)"),
        (lambda kept: kept[:, :1], r"\(7, 11\), got \(7, 1\)"),
        (lambda kept: kept[:, None] & kept[..., None], r"got \(7, 11, 11\)"),
    ],
)
def test_a_mask_of_another_form_is_refused(mask, message):
    with pytest.raises(PredictionError, match=message):
        tagger(mask=mask).query(3)


def test_padding_without_a_mask_is_refused_where_there_is_some():
    with pytest.raises(ConfigurationError, match=r"lengths, such as 1 and 11.*attention_mask"):
        tagger(mask=None).query(3)
    for kept in ({"data": Sentences((4,))}, {"test_batch_size": 1}):
        strategy = tagger(Each(al.Entropy(), "sum"), mask=None, **kept)
        query = strategy.query(5)
        assert query.scores == alone(strategy, query, total)
    strategy = tagger(
        Each(al.Entropy(), "sum"), mask=None,
        outputs=lambda z, x: al.Prediction.tokens(z, mask=x["input_ids"] > 0),
    )  # fmt: skip
    query = strategy.query(5)
    assert query.scores == alone(strategy, query, total)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("sampled", [False, True])
def test_a_mask_may_be_the_second_input_of_a_network(padded, sampled):
    data = Sentences((4,) if padded else (3, 7, 1, 11, 5))
    rows = []
    for k in range(N):
        words, tags = data[k].values()
        kept = torch.arange(len(words)) < 1 + k % 4 if padded else words > 0
        rows.append(((words, kept.long()), tags))

    def collate(items):
        inputs, tags = zip(*items, strict=True)
        parts = [pad_sequence([*part], batch_first=True) for part in zip(*inputs, strict=True)]
        return tuple(parts), pad_sequence([*tags], batch_first=True, padding_value=-100)

    pool = al.ActiveLearningDataset(rows)
    pool.annotate(range(8))
    net = al.MCDropout(Masked(rate=0.3), 4) if sampled else Masked()
    strategy = al.Strategy(
        net, pool, Each(lambda p: torch.ones(len(p)), "sum"), outputs="tokens", seed=0,
        loader={} if padded else {"collate_fn": collate}, test_batch_size=7,
    ).build()  # fmt: skip
    strategy.fit(max_steps=1, enable_progress_bar=False)
    query = strategy.query(N - 8)
    counts = [int(rows[k][0][1].sum()) for k in query.indices.tolist()]
    assert query.scores.tolist() == counts


def test_tags_that_end_in_ignored_numbers_are_said_if_no_mask_is_there():
    class Padded(Sentences):
        def __getitem__(self, k):
            item = super().__getitem__(k)
            pad = {"input_ids": 0, "label": -100}
            ends = {name: (0, 11 - len(part)) for name, part in item.items()}
            return {
                name: nn.functional.pad(part, ends[name], value=pad[name])
                for name, part in item.items()
            }

    pool = al.ActiveLearningDataset(Padded())
    pool.annotate(range(8))
    options = {"outputs": "tokens", "seed": 0}
    with pytest.warns(SelectionWarning, match=r"tags of sample 0 end in -100.*attention_mask"):
        al.Strategy(Tagger(), pool, **options).build().query(3)


def test_a_function_that_scores_what_the_batch_leaves_out_is_refused():
    with pytest.raises(PredictionError, match="scores padding too"):
        tagger(outputs=al.Prediction.tokens).query(3)


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "samples"),
    [("tokens", None), ("tokens", 4), (al.Prediction.tokens, None)],
)
def test_classes_of_as_many_words_are_not_taken_for_words(outputs, samples, quiet):
    data = Sentences((2,))  # two words, two tags: torch would train either axis
    net = Tagger(rate=0.3) if samples else Tagger()
    metric = MulticlassAccuracy(2, average="micro")
    strategy = tagger(
        None, al.MCDropout(net, samples) if samples else net, data, outputs=outputs, mask=None,
        test=data, test_metrics=[metric], batch_size=8, n=8, samples=None,
    )  # fmt: skip
    x, y = (torch.stack([data[k][name] for k in range(N)]) for name in ("input_ids", "label"))
    if not samples:
        first = nn.functional.cross_entropy(
            strategy.module.model(x[:8]).flatten(0, 1), y[:8].flatten()
        )
    strategy.fit(max_steps=1, **quiet)
    if not samples:
        steps = strategy.history.step_history["train_loss_step"]["value"]
        assert steps == [pytest.approx(first.item(), rel=1e-5)]
    found = strategy.test(**quiet)
    with torch.no_grad():
        p = strategy.module.eval().model(x).softmax(-1)
    p = p.mean(1) if samples else p
    assert found["testMulticlassAccuracy"] == pytest.approx(
        float((p.argmax(-1) == y).float().mean())
    )
    loss = nn.functional.nll_loss(p.log().flatten(0, 1), y.flatten())
    assert found["test_loss_epoch"] == pytest.approx(loss.item(), rel=1e-3)


def test_a_learning_loss_scores_the_tokens_and_not_their_classes(quiet):
    data = Sentences((2,))  # a transposed output would have the same shape
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(8))
    options = {"outputs": "tokens", "seed": 0, "inputs": "input_ids"}
    strategy = al.strategies.LearningLossStrategy(
        Tagger(), pool, layers=["words"], criterion=Each(al.Entropy(), "sum"), **options
    ).build()
    strategy.fit(max_steps=3, **quiet)
    query = strategy.query(6)
    assert query.scores == alone(strategy, query, total)


def test_an_adversarial_training_learns_the_tags_and_not_their_places(quiet):
    data = [tuple(Sentences((2,))[k].values()) for k in range(N)]
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(8))
    parts = Tagger()
    strategy = al.AdversarialStrategy(
        parts.words, parts.head, nn.Sequential(nn.Linear(16, 1)), pool, outputs="tokens",
        batch_size=8, seed=0,
    ).build()  # fmt: skip
    x, y = (torch.stack(part) for part in zip(*data[:8], strict=True))
    expected = nn.functional.cross_entropy(parts(x).flatten(0, 1), y.flatten())
    strategy.fit(max_steps=1, **quiet)
    steps = strategy.history.step_history["train_loss_step"]["value"]
    assert steps == [pytest.approx(expected.item(), rel=1e-5)]


# --- posterior samples, features, other models --------------------------------------------------


def disagreement(p):
    """Mean over the words of the mutual information of ``p``, (K, T, C)."""
    return (entropy(p.mean(0)) - entropy(p).mean(0)).mean()


@pytest.mark.parametrize("kind", ["dropout", "ensemble"])
def test_posterior_samples_of_words_disagree_as_they_do_alone(kind):
    net = al.MCDropout(Tagger(rate=0.4), 6)
    if kind == "ensemble":
        net = al.Ensemble([Tagger(seed) for seed in range(3)])
    strategy = tagger(al.BALD(), net, test_batch_size=N)
    query = strategy.query(5)
    model, data = strategy.module.eval().model, Sentences()
    with torch.no_grad():
        z = model(batch_of([data[k] for k in range(8, N)])["input_ids"])  # (N, K, T, C)
    expected = [
        float(disagreement(z[k - 8, :, : len(data.words(k))].softmax(-1)))
        for k in query.indices.tolist()
    ]
    assert query.scores == pytest.approx(expected, abs=1e-5)
    if kind == "ensemble":  # its samples do not depend on the batch
        by_one = tagger(al.BALD(), model, test_batch_size=1)
        assert by_one.query(5).scores == pytest.approx(query.scores, abs=1e-5)


@pytest.mark.parametrize("samples", [None, 3])
def test_features_are_those_of_the_words_that_count(samples):
    net = Masked() if samples is None else al.MCDropout(Masked(rate=0.4), samples)
    path = "model.words" if samples is None else "model.model.words"
    odd = {
        "outputs": lambda z, x: al.Prediction.tokens(
            z, mask=x["input_ids"] % 2, samples=samples is not None
        )
    }
    for options, count in (({}, lambda words: words > 0), (odd, lambda words: words % 2 == 1)):
        strategy = tagger(net=net, features=path, selector=al.KCenter(), **options)
        kept = strategy.context.predict(np.arange(N), keep={"features"}).features
        words = strategy.module.get_submodule(path)
        chosen = [w[count(w)] for w in map(Sentences().words, range(N))]
        with torch.no_grad():
            each = [words(w).sum(0) / max(len(w), 1) for w in chosen]
        torch.testing.assert_close(kept, torch.stack(each))
        assert len(strategy.query(3)) == 3


def test_features_of_unknown_places_are_refused():
    def own(z, x):
        at = (x["input_ids"] > 0).nonzero()
        return al.Prediction(z[tuple(at.T)], range(len(z)), "logits", None, "tokens", at[:, 0])

    strategy = tagger(
        outputs=own, features="model.words", selector=al.KCenter(), test_batch_size=N, mask=None
    )
    with pytest.raises(ModelOutputError, match="which of them belong to the tokens that count"):
        strategy.query(3)

    class Halved(Masked):
        def __init__(self):
            super().__init__()
            self.pairs = nn.AvgPool1d(2)

        def forward(self, input_ids, attention_mask):
            self.pairs(self.words(input_ids).mT)
            return super().forward(input_ids, attention_mask)

    with pytest.raises(ModelOutputError, match="with 8 places for each text"):
        tagger(net=Halved(), features="model.pairs", selector=al.KCenter()).query(3)


def test_the_first_part_of_each_word_may_count_alone():
    def collate(items):
        batch = batch_of(items)
        return {**batch, "first": batch["input_ids"] % 2}

    pool = al.ActiveLearningDataset(Sentences())
    pool.annotate(range(8))
    strategy = al.Strategy(
        Masked(), pool, Each(al.Entropy(), "sum"), loader={"collate_fn": collate}, seed=0,
        inputs=lambda batch: batch, test_batch_size=7,
        outputs=lambda z, x: al.Prediction.tokens(z, mask=x["first"]),
    ).build()  # fmt: skip
    strategy.fit(max_steps=2, enable_progress_bar=False)
    query = strategy.query(6)
    data, model = Sentences(), strategy.module.eval().model
    with torch.no_grad():
        expected = [
            float((entropy(Tagger.forward(model, w).softmax(-1)) * (w % 2)).sum())
            for w in map(data.words, query.indices.tolist())
        ]
    assert query.scores == pytest.approx(expected, abs=1e-5)


class Fine(L.LightningModule):
    """A fine-tuning of a token classifier, which returns what transformers' models return."""

    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertForTokenClassification

        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
        config = BertConfig(vocab_size=HARD + 1, num_hidden_layers=1, num_labels=3, **sizes)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = BertForTokenClassification(config)

    def forward(self, **batch):
        return self.net(**batch)

    def training_step(self, batch, batch_idx):
        labels = batch.pop("label")
        return self(**batch, labels=labels).loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


@pytest.mark.parametrize("kind", ["module", "network"])
def test_a_token_classifier_of_transformers_is_trained_and_asked_as_it_is(kind, quiet):
    pool = al.ActiveLearningDataset(Sentences())
    pool.annotate(range(8))
    options = {"outputs": "tokens", "loader": {"collate_fn": batch_of}, "seed": 0}
    criterion, module = Each(al.Entropy(), "sum"), Fine()
    if kind == "module":
        learner = al.ActiveLearner(module, pool, criterion, test_batch_size=6, **options)
    else:
        learner = al.Strategy(module.net, pool, criterion, test_batch_size=6, **options).build()
    learner.fit(max_steps=3, **quiet)
    query = learner.query(6)
    for k, score in zip(query.indices.tolist(), query.scores):
        with torch.no_grad():
            z = module.net.eval()(input_ids=Sentences().words(k)[None]).logits
        assert score == pytest.approx(float(total(z[0].softmax(-1))), rel=1e-3)
