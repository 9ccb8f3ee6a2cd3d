"""The collate_fn of a user: written for items with labels, called where labels are hidden."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

import alkit as al
from alkit.errors import ConfigurationError
from alkit.pool.unlabeled_batches import for_inputs


class Ragged(Dataset):
    """Sequences of different lengths, whose labels raise until they are paid for."""

    def __init__(self, form):
        generator = torch.Generator().manual_seed(0)
        self.x = [torch.randn(2 + k % 4, 3, generator=generator) for k in range(40)]
        self.form, self.paid = form, lambda index: True

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        label = torch.tensor(index % 3) if self.paid(index) else Unpaid()
        return self.form(self.x[index], label)


class Unpaid:
    """A label that fails where it is used."""

    def __getattr__(self, name):
        raise AssertionError("a hidden label was used")

    __int__ = __index__ = __array__ = __getattr__


def pool_of(form, **options):
    dataset = Ragged(form)
    pool = al.ActiveLearningDataset(dataset, **options)
    pool.annotate(range(12))
    dataset.paid = lambda index: pool.rounds[index] >= 0
    return pool


def pairs(x, y):
    return x, y


def dicts(x, y):
    return {"x": x, "label": y}


def padded(items):
    xs, ys = zip(*items, strict=True)
    return pad_sequence(list(xs), batch_first=True), torch.stack(ys)


def padded_alone(items):
    return pad_sequence([x for x, _ in items], batch_first=True)


def with_mask(items):
    xs = [item["x"] for item in items]
    lengths = torch.tensor([len(x) for x in xs])
    batch = {"x": pad_sequence(xs, batch_first=True), "lengths": lengths}
    if "label" in items[0]:
        batch["label"] = torch.stack([item["label"] for item in items])
    return batch


def renamed(items):
    """As collators of tokens do it: the label is needed, and gets another name."""
    return {
        "x": pad_sequence([item["x"] for item in items], batch_first=True),
        "labels": torch.stack([item["label"] for item in items]),
    }


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        assert torch.is_tensor(x)
        return self.layer(x.sum(1))


@pytest.mark.parametrize("workers", [0, 2])
def test_pairs_of_ragged_sequences_train_test_and_query(workers, quiet):
    pool = pool_of(pairs)
    loader = {"collate_fn": padded, "num_workers": workers}
    strategy = al.Strategy(
        Mean(), pool, loader=loader, test=pool.annotated, test_batch_size=7, seed=0
    ).build()
    strategy.fit(max_steps=2, **quiet)
    assert "test_loss_epoch" in strategy.test(**quiet)
    query = strategy.query(28)
    with torch.no_grad():
        single = [strategy.module.model(pool[i][None])[0].softmax(0) for i in query.indices]
    top = torch.stack(single).topk(2).values
    expected = 1 - (top[:, 0] - top[:, 1])
    torch.testing.assert_close(torch.as_tensor(query.scores).float(), expected)


@pytest.mark.parametrize("collate", [with_mask, renamed])
def test_dicts(collate, quiet):
    pool = pool_of(dicts)
    strategy = al.Strategy(Mean(), pool, loader={"collate_fn": collate}, inputs="x", seed=0).build()
    seen = []
    (prediction,) = al.ActiveLearner.predictions(strategy, pool, range(12, 20))
    assert prediction.ids.tolist() == list(range(12, 20))
    strategy = al.Strategy(
        Mean(), pool, loader={"collate_fn": collate}, inputs=lambda b: seen.append(b) or b["x"],
        seed=0,
    ).build()  # fmt: skip
    strategy.query(3)
    assert {"label", "labels"}.isdisjoint(*map(set, seen))


def test_a_function_that_drops_labels_or_never_wants_them(quiet):
    pool = pool_of(pairs)
    options = for_inputs({"collate_fn": padded_alone}, pool)
    batch = options["collate_fn"]([pool[20], pool[21]])
    assert batch.shape == (2, 3, 3)
    assert for_inputs({"num_workers": 2}, pool) == {"num_workers": 2}


def test_unannotated_batches_of_a_training_are_collated_too(quiet):
    class Flat(nn.Module):
        def forward(self, x):
            return x.sum(1)

    pool = pool_of(pairs)
    strategy = al.AdversarialStrategy(
        nn.Sequential(Flat(), nn.Linear(3, 4)), nn.Linear(4, 3), nn.Linear(4, 1), pool,
        loader={"collate_fn": padded}, batch_size=8, seed=0,
    ).build()  # fmt: skip
    strategy.fit(max_steps=3, **quiet)
    strategy.query(3)


def test_labels_of_the_stand_in_do_not_matter():
    pool = pool_of(pairs)
    collate = for_inputs({"collate_fn": padded}, pool)["collate_fn"]
    batch = collate([pool[20], pool[21]])
    assert torch.equal(batch, padded([(pool[20], torch.tensor(0)), (pool[21], torch.tensor(1))])[0])


def test_where_nothing_is_annotated_inputs_alone_are_tried():
    dataset = Ragged(pairs)
    pool = al.ActiveLearningDataset(dataset)
    padding = {"collate_fn": lambda items: pad_sequence(items, batch_first=True)}
    assert len(al.Strategy(Mean(), pool, loader=padding, seed=0).build().query(3)) == 3
    strategy = al.Strategy(Mean(), pool, loader={"collate_fn": padded}, seed=0).build()
    with pytest.raises(ConfigurationError, match="Annotate a sample first"):
        strategy.query(3)


def test_a_batch_whose_label_cannot_be_found_is_refused():
    def three(items):
        xs, ys = zip(*items, strict=True)
        return pad_sequence(list(xs)), torch.tensor([len(x) for x in xs]), torch.stack(ys)

    strategy = al.Strategy(Mean(), pool_of(pairs), loader={"collate_fn": three}, seed=0).build()
    with pytest.raises(ConfigurationError, match=r"3 parts.*\(inputs, labels\)"):
        strategy.query(3)


def test_the_label_that_stands_in_is_read_without_the_transform():
    calls = []
    pool = al.ActiveLearningDataset(Ragged(pairs), transform=lambda x: calls.append(1) or x)
    pool.annotate([3])
    for_inputs({"collate_fn": padded}, pool)
    assert calls == []


def test_a_collate_fn_that_sorts_its_items_is_refused():
    def by_length(items):
        items = sorted(items, key=lambda item: -len(item[0]))
        x, y = zip(*items, strict=True)
        return nn.utils.rnn.pad_sequence(list(x), batch_first=True), torch.tensor(y)

    items = [(torch.ones(1 + k % 5), k % 3) for k in range(20)]
    pool = al.ActiveLearningDataset(items)
    pool.annotate(range(4))
    net = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Linear(1, 3))
    options = {"loader": {"collate_fn": by_length}, "seed": 0}
    with pytest.raises(ConfigurationError, match="changes the order of the samples"):
        al.Strategy(net, pool, **options).build().query(3)


# --- labels of any number of rows -----------------------------------------------------------------


def boxes(k):
    """Boxes of sample ``k``: as many as its last digit modulo 3."""
    return {"boxes": torch.tensor([[0.0, 0, 2, 2]] * (k % 3)), "labels": torch.ones(k % 3).long()}


def labeled(labels, form=pairs):
    return [form(torch.full((3, 4, 4), k + 0.0), label) for k, label in enumerate(labels)]


class Brightness(nn.Module):
    """A detector of one box per image, whose score is the mean of the image."""

    def forward(self, images, targets=None):
        assert all(image.shape == (2, 4, 4) for image in images)
        return [{"scores": image.mean()[None] / 64} for image in images]


def as_tuples(items):
    """The function of torchvision's reference detectors."""
    return tuple(zip(*items, strict=True))


def as_lists(items):
    images, targets = zip(*items, strict=True)
    return list(images), list(targets)


def scaled(items):
    images, targets = as_tuples(items)
    return tuple(image * 1 for image in images), targets


@pytest.mark.parametrize("known", [0, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("collate", [as_tuples, as_lists, scaled])
def test_a_detector_gets_the_images_of_a_batch_and_nothing_else(collate, size, known):
    images = [torch.full((2, 4, 4), k + 0.0) for k in range(12)]
    pool = al.ActiveLearningDataset([(image, boxes(k)) for k, image in enumerate(images)])
    pool.annotate(range(known))
    strategy = al.Strategy(
        Brightness(), pool, al.Each(lambda p: p.mean_probabilities[:, 1]),
        outputs="detection", loader={"collate_fn": collate}, test_batch_size=size, seed=0,
    ).build()  # fmt: skip
    query = strategy.query(12 - known)
    assert query.indices.tolist() == list(range(known, 12))[::-1]
    assert query.scores.tolist() == pytest.approx([k / 64 for k in query.indices])


def by_brightness(items):
    return as_lists(sorted(items, key=lambda item: -item[0].mean()))


def by_brightness_with_areas(items):
    """A copy of each image, and the boxes are read."""
    images, targets = by_brightness(items)
    areas = [(t["boxes"][:, 2:] - t["boxes"][:, :2]).prod(1) for t in targets]
    new = [t | {"area": area} for t, area in zip(targets, areas, strict=True)]
    return [image * 1 for image in images], new


@pytest.mark.parametrize(
    ("collate", "known"), [(by_brightness, 0), (by_brightness, 1), (by_brightness_with_areas, 1)]
)
def test_boxes_show_an_order_that_changes(collate, known):
    pool = al.ActiveLearningDataset(labeled([boxes(k) for k in range(8)]))
    pool.annotate([known])  # sample 0 has no boxes
    function = for_inputs({"collate_fn": collate}, pool)["collate_fn"]
    with pytest.raises(ConfigurationError, match="changes the order"):
        function([pool[k] for k in range(3, 7)])


def test_dicts_without_their_labels_show_an_order_that_changes():
    def sorted_images(items):
        return {"x": sorted((item["x"] for item in items), key=lambda x: -x.mean())}

    pool = al.ActiveLearningDataset(labeled([boxes(k) for k in range(8)], dicts))
    pool.annotate([1])
    collate = for_inputs({"collate_fn": sorted_images}, pool)["collate_fn"]
    with pytest.raises(ConfigurationError, match="changes the order"):
        collate([pool[k] for k in range(3, 7)])


def test_dicts_are_collated_where_nothing_is_annotated_though_their_label_is_read():
    pool = al.ActiveLearningDataset(labeled([boxes(k) for k in range(8)], dicts))

    def listed(items):
        return {name: [item[name] for item in items] for name in ("x", "label")}

    batch = for_inputs({"collate_fn": listed}, pool)["collate_fn"]([pool[2], pool[4]])
    assert list(batch) == ["x"]
    assert [float(x.mean()) for x in batch["x"]] == [2, 4]


def test_labels_of_tokens_show_an_order_that_changes():
    labels = [torch.zeros(2 + k % 3).long() for k in range(6)]

    def ragged(items):
        xs, ys = zip(*items, strict=True)
        return torch.stack(xs), pad_sequence(list(ys), batch_first=True, padding_value=-100)

    pool = al.ActiveLearningDataset(labeled(labels))
    pool.annotate(range(5))
    inputs = [torch.full((3, 4, 4), k + 0.0) for k in range(4)]
    options = for_inputs({"collate_fn": ragged}, pool)
    assert options["collate_fn"](inputs).shape == (4, 3, 4, 4)

    def backwards(items):
        return ragged(items[::-1])

    with pytest.raises(ConfigurationError, match="changes the order"):
        for_inputs({"collate_fn": backwards}, pool)["collate_fn"](inputs)


class Sizes(Dataset):
    """Images of different sizes with a value per pixel: a mask, an array of it, or tags."""

    def __init__(self, form):
        self.form = form

    def __len__(self):
        return 12

    def __getitem__(self, index):
        x = torch.randn(
            3, 4 + index % 5, 9 - index % 4, generator=torch.Generator().manual_seed(index)
        )
        if self.form == "tags":
            return x[0, :, 0], (x[0, :, 0] > 0).long().tolist()
        mask = (x[0] > 0).long()
        return x, mask.numpy() if self.form == "array" else mask


@pytest.mark.parametrize("form", ["mask", "array", "tags"])
def test_a_mask_that_stands_in_has_the_size_of_its_image(form):
    def padded(items):
        size = [max(ns) for ns in zip(*(x.shape for x, _ in items), strict=True)]
        xs = torch.zeros(len(items), *size)
        ys = torch.full((len(items), *(size[1:] or size)), -100)
        for k, (x, y) in enumerate(items):
            xs[(k, *(slice(n) for n in x.shape))] = x
            ys[(k, *(slice(n) for n in (x.shape[1:] or x.shape)))] = torch.as_tensor(y)
        return xs, ys

    pool = al.ActiveLearningDataset(Sizes(form))
    pool.annotate([3])
    collate = for_inputs({"collate_fn": padded}, pool)["collate_fn"]
    inputs = [pool[k] for k in range(4, 8)]
    assert collate(inputs).equal(padded([Sizes(form)[k] for k in range(4, 8)])[0])
    backwards = for_inputs({"collate_fn": lambda items: padded(items[::-1])}, pool)["collate_fn"]
    with pytest.raises(ConfigurationError, match="changes the order"):
        backwards(inputs)


# --- samples stay where they are ------------------------------------------------------------------

TAGS = {
    "class": lambda x: len(x) % 3,
    "name": lambda x: "ab"[len(x) % 2],
    "array": lambda x: torch.zeros(len(x)).long(),
    "list": lambda x: [0] * len(x),
    "names": lambda x: ["a"] * len(x),
    "dict": lambda x: {"boxes": [], "labels": []},
}
FORMS = {
    "tensor": lambda xs: pad_sequence(xs, batch_first=True),
    "dict": lambda xs: {"x": pad_sequence(xs, batch_first=True)},
    "list": lambda xs: xs,
    "packed": lambda xs: nn.utils.rnn.pack_sequence(xs, enforce_sorted=False),
    "offsets": lambda xs: (torch.cat(xs), torch.tensor([0, *map(len, xs[:-1])]).cumsum(0)),
    "stacked last": lambda xs: pad_sequence(xs),
}
ORDERS = {
    "kept": lambda xs: xs,
    "longest first": lambda xs: sorted(xs, key=len, reverse=True),
    "shortest first": lambda xs: sorted(xs, key=len),
    "backwards": lambda xs: xs[::-1],
    "by value": lambda xs: sorted(xs, key=lambda x: float(x.sum())),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("item", [pairs, dicts])
@pytest.mark.parametrize("tag", [None, *TAGS])
def test_an_order_that_changes_shows_whatever_the_labels_and_the_batch(order, form, item, tag):
    annotated = 0 if tag is None else 4

    def collate(items):
        xs = [i["x"] if isinstance(i, dict) else i[0] if isinstance(i, tuple) else i for i in items]
        inputs = FORMS[form](ORDERS[order](xs))
        return inputs if item is dicts else (inputs, None) if annotated else inputs

    xs = [torch.arange(1 + k % 3) + 10.0 * (k * 7 % 20) for k in range(20)]
    pool = al.ActiveLearningDataset([item(x, TAGS[tag or "class"](x)) for x in xs])
    pool.annotate(range(annotated))
    collate = for_inputs({"collate_fn": collate}, pool)["collate_fn"]
    batch = [{"x": x} if item is dicts else x for x in xs[4:]]
    silent = form in ("offsets", "stacked last", "packed") and order == "backwards"
    if (
        order == "kept" or silent
    ):  # a batch of two does not show which of its axes is that of samples
        collate(batch)
    else:
        with pytest.raises(ConfigurationError, match="changes the order"):
            collate(batch)


def test_samples_that_are_alike_and_batches_of_one_have_no_order():
    pool = al.ActiveLearningDataset([(torch.ones(3), k % 2) for k in range(9)])
    collate = for_inputs({"collate_fn": lambda xs: torch.stack(xs)}, pool)["collate_fn"]
    assert len(collate([torch.ones(3)] * 5)) == 5
    collate = for_inputs({"collate_fn": lambda xs: sum(xs)}, pool)["collate_fn"]
    assert collate([torch.ones(3)]).tolist() == [1, 1, 1]
