"""Texts: classes of the questions of TREC, read by three kinds of models as their users write them.

Data: Li and Roth 2002, 5,452 questions of 6 classes, in a shared folder that not every machine has.
"""

import os
import zlib
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import ModelOutputError

DATA = Path(os.environ.get("ALKIT_DATA", Path(__file__).parents[3] / "shared" / "data"))
KINDS = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]

on_trec = pytest.mark.skipif(not (DATA / "text" / "trec_train.tsv").exists(), reason="no data here")


def questions(part, n=None):
    """Questions with the name of their class, ``(text, kind)``."""
    lines = (DATA / "text" / f"trec_{part}.tsv").read_text(encoding="utf-8").splitlines()[:n]
    return [tuple(reversed(line.split("\t", 1))) for line in lines]


def numbers(text, words=2000):
    """Number of each word, by a hash; 0 is that of padding."""
    return [1 + zlib.crc32(word.lower().encode()) % words for word in text.split()]


def accuracies(strategy, rounds, n, quiet, **fit):
    found = []
    for k in range(rounds):
        strategy.fit(**fit, **quiet)
        found.append(strategy.test(**quiet)["testMulticlassAccuracy"])
        if k < rounds - 1:
            strategy.query_and_update(n)
            strategy.reset_model()
    return found


# --- a bag of words -------------------------------------------------------------------------------


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(2001, 32), nn.Linear(32, 6)

    def forward(self, words, starts):
        return self.head(self.bag(words, starts))


def bagged(items):
    """The words of all texts in a row, and where each text starts, as torch's tutorial has it."""
    texts, kinds = zip(*items, strict=True)
    words = [numbers(text) for text in texts]
    starts = torch.tensor([0, *map(len, words[:-1])]).cumsum(0)
    kinds = [k if isinstance(k, int) else KINDS.index(k) for k in kinds]  # test data has names
    return (torch.tensor([*chain.from_iterable(words)]), starts), torch.tensor(kinds)


@on_trec
@pytest.mark.filterwarnings("error::alkit.errors.SelectionWarning")
def test_a_bag_of_words_learns_questions_from_their_names(quiet):
    pool = al.ActiveLearningDataset(questions("train"), classes=KINDS)
    pool.annotate_random(100, seed=0)
    torch.manual_seed(0)
    strategy = al.Strategy(
        Bag(), pool, al.Margin(), optimizer=al.Adam(lr=0.02), test=questions("test"), seed=0,
        test_metrics=[MulticlassAccuracy(6, average="micro")], loader={"collate_fn": bagged},
        batch_size=32, test_batch_size=500,
    ).build()  # fmt: skip
    found = accuracies(strategy, 3, 100, quiet, max_epochs=15)
    assert found[-1] > 0.55  # 0.28 for the most frequent class
    left = pool.unannotated_indices
    query = strategy.query(7)
    (words, starts), _ = bagged([pool._samples.dataset[k] for k in left])
    with torch.no_grad():
        top = strategy.module.eval().model(words, starts).softmax(1).topk(2).values
    margin = (top[:, 0] - top[:, 1]).numpy()
    np.testing.assert_allclose(query.scores, 1 - np.sort(margin)[:7], atol=1e-5)


# --- a transformer --------------------------------------------------------------------------------


class Tokenized(Dataset):
    """Questions as a tokenizer of transformers returns them."""

    def __init__(self, rows, tokenizer):
        self.rows, self.tokenizer = rows, tokenizer

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        text, kind = self.rows[k]
        return {**self.tokenizer(text, truncation=True, max_length=24), "label": KINDS.index(kind)}


def tokenizer_of(texts):
    """A tokenizer of whole words; nothing is downloaded."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.trainers import WordLevelTrainer
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel(unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    trainer = WordLevelTrainer(vocab_size=1000, special_tokens=["[PAD]", "[UNK]"])
    words.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=1000, num_hidden_layers=1, max_position_embeddings=24, num_labels=6, **sizes
    )
    return BertForSequenceClassification(config)


@pytest.fixture(scope="module")
def tokenized():
    from transformers import DataCollatorWithPadding

    train, test = questions("train", 1500), questions("test")
    tokenizer = tokenizer_of([text for text, _ in train])
    parts = Tokenized(train, tokenizer), Tokenized(test, tokenizer)
    return *parts, DataCollatorWithPadding(tokenizer)


def transformer(tokenized, *parts, **options):
    train, test, collate = tokenized
    pool = al.ActiveLearningDataset(train)
    pool.annotate_random(300, seed=0)
    return al.Strategy(
        bert(), pool, *parts, optimizer=al.Adam(lr=3e-3), test=test, seed=0, batch_size=32,
        test_metrics=[MulticlassAccuracy(6, average="micro")], loader={"collate_fn": collate},
        test_batch_size=100, **options,
    ).build()  # fmt: skip


@on_trec
def test_a_bert_with_the_collator_of_transformers_learns_and_is_asked(tokenized, quiet):
    strategy = transformer(tokenized, al.Entropy())
    found = accuracies(strategy, 2, 100, quiet, max_epochs=8)
    assert found[-1] > 0.45
    train, _, collate = tokenized
    query = strategy.query(5)
    for k, score in zip(query.indices.tolist(), query.scores):
        batch = collate([{name: v for name, v in train[k].items() if name != "label"}])
        with torch.no_grad():
            p = strategy.module.eval().model(**batch).logits.softmax(1)
        assert score == pytest.approx(float(torch.special.entr(p).sum()), rel=1e-3)


@on_trec
@pytest.mark.parametrize("selector", [al.KCenter(), al.selectors.TypiClust()], ids=repr)
def test_texts_are_compared_by_the_mean_of_their_tokens(tokenized, selector):
    strategy = transformer(tokenized, None, selector, features="model.bert.encoder")
    kept = strategy.context.predict(np.arange(150), keep={"features"}).features
    train, _, collate = tokenized
    for k in range(0, 150, 30):
        batch = collate([{name: v for name, v in train[k].items() if name != "label"}])
        with torch.no_grad():
            alone = strategy.module.eval().model.bert(**batch).last_hidden_state[0].mean(0)
        torch.testing.assert_close(kept[k], alone, rtol=1e-4, atol=1e-5)
    assert len(set(strategy.query(5))) == 5


@on_trec
def test_badge_of_texts_has_the_gradients_of_the_last_layer(tokenized):
    selector = al.KMeansPlusPlus(al.GradientEmbedding())
    strategy = transformer(
        tokenized, None, selector, features="model.bert", head="model.classifier"
    )
    assert len(set(strategy.query(5))) == 5


# --- TF-IDF ---------------------------------------------------------------------------------------


@on_trec
def test_rounds_of_tf_idf_are_those_of_a_loop_by_hand(quiet):
    # over 10 seeds of 100 + 8 x 50 labels, Margin is 0.008 +- 0.022 above Uniform in accuracy
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = questions("train", 3000), questions("test")
    words = TfidfVectorizer(max_features=1000, sublinear_tf=True).fit([text for text, _ in train])
    x, x_test = (
        words.transform([text for text, _ in rows]).toarray().astype(np.float32)
        for rows in (train, test)
    )
    y, y_test = (np.array([KINDS.index(kind) for _, kind in rows]) for rows in (train, test))
    data, held_out = (
        TensorDataset(torch.from_numpy(a), torch.from_numpy(b))
        for a, b in ((x, y), (x_test, y_test))
    )
    found = {}
    for name, parts in {
        "margin": {"criterion": al.Margin()},
        "uniform": {"selector": al.Random()},
    }.items():
        pool = al.ActiveLearningDataset(data)
        pool.annotate_random(100, seed=1)
        options = {"test": held_out, "test_batch_size": 3000, "seed": 1}
        strategy = al.Strategy(al.Estimator(LogisticRegression(), 6), pool, **parts, **options)
        found[name] = accuracies(strategy, 4, 75, quiet)
        assert found[name][-1] > 0.55  # 0.28 for the most frequent class
        if name == "margin":
            known = pool.annotated_indices[pool.rounds[pool.annotated_indices] == 0]
    by_hand = []
    for _ in range(4):
        model = LogisticRegression().fit(x[known], y[known])
        by_hand.append(model.score(x_test, y_test))
        free = np.setdiff1d(np.arange(len(x)), known)
        top = np.sort(model.predict_proba(x[free]), 1)
        known = np.sort([*known, *free[np.argsort(top[:, -1] - top[:, -2])[:75]]])
    assert found["margin"] == pytest.approx(by_hand)


# --- features of texts without real data --------------------------------------------------------


class Words(nn.Module):
    """Embeddings of words, and the class from their mean."""

    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(30, 6, padding_idx=0), nn.Linear(6, 3)

    def forward(self, input_ids, attention_mask):
        each = self.words(input_ids) * attention_mask[..., None]
        return self.head(each.sum(1) / attention_mask.sum(1, keepdim=True))


class Ragged(Dataset):
    def __len__(self):
        return 30

    def __getitem__(self, k):
        words = torch.randint(1, 30, (2 + k % 5,), generator=torch.Generator().manual_seed(k))
        return {"input_ids": words, "label": k % 3}


def padded(dtype):
    def collate(items):
        ids = nn.utils.rnn.pad_sequence([item["input_ids"] for item in items], batch_first=True)
        batch = {"input_ids": ids, "attention_mask": (ids > 0).to(dtype)}
        if "label" in items[0]:
            batch["label"] = torch.tensor([item["label"] for item in items])
        return batch

    return collate


def ragged(dtype, **options):
    pool = al.ActiveLearningDataset(Ragged())
    pool.annotate(range(5))
    torch.manual_seed(0)
    options = {"seed": 0, "loader": {"collate_fn": padded(dtype)}, "test_batch_size": 7, **options}
    return al.Strategy(Words(), pool, None, al.KCenter(), **options).build()


@pytest.mark.parametrize("dtype", [torch.bool, torch.long, torch.float])
def test_padding_is_no_part_of_the_features_of_a_text(dtype):
    strategy = ragged(dtype, features="model.words")
    kept = strategy.context.predict(np.arange(30), keep={"features"}).features
    words = strategy.module.model.words
    with torch.no_grad():
        alone = torch.stack([words(Ragged()[k]["input_ids"]).mean(0) for k in range(30)])
    torch.testing.assert_close(kept, alone)
    assert len(strategy.query(3)) == 3


def test_tokens_without_a_mask_are_not_one_vector():
    class Unmasked(Words):
        def forward(self, input_ids):
            return self.head(self.words(input_ids).mean(1))

    def collate(items):
        batch = padded(torch.long)(items)
        return {name: part for name, part in batch.items() if name != "attention_mask"}

    pool = al.ActiveLearningDataset(Ragged())
    pool.annotate(range(5))
    options = {"features": "model.words", "loader": {"collate_fn": collate}, "test_batch_size": 3}
    strategy = al.Strategy(Unmasked(), pool, None, al.KCenter(), seed=0, **options).build()
    with pytest.raises(ModelOutputError, match=r"width .* batch.*attention_mask"):
        strategy.query(3)
