"""Items as they are read: errors that name the sample, whole batches, a length that stays."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, Subset, default_collate
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

import alkit as al
from alkit.errors import (
    AnnotationError,
    ConfigurationError,
    LabelError,
    PicksError,
    UnreadableSampleError,
)
from alkit.pool.loaders import eval_loader, scoring_loader, train_loader
from alkit.pool.unlabeled_batches import for_inputs


class Items(Dataset):
    """Numbers with labels, of which some cannot be read."""

    def __init__(self, count=12, broken=(), error=OSError):
        self.count, self.broken, self.error = count, broken, error

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.broken:
            raise self.error("image file is truncated")
        return torch.full((3,), float(index)), index % 3


class AtOnce(Items):
    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        return [Items.__getitem__(self, index) for index in indices]


NAMES = [f"{k}.png" for k in range(12)]
READS = {
    "one": lambda pool: pool[5],
    "of a view": lambda pool: pool.unannotated[5],
    "annotate": lambda pool: pool.annotate([1, 5]),
    "a batch": lambda pool: list(scoring_loader(pool.unannotated, 4)),
    "by collate_fn": lambda pool: list(scoring_loader(pool.unannotated, 4, collate_fn=len)),
}


@pytest.mark.parametrize("kind", [Items, AtOnce])
@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyError])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_sample_that_cannot_be_read_is_named_and_nothing_changes(kind, error, read):
    pool = al.ActiveLearningDataset(kind(broken={5}, error=error), names=NAMES)
    with pytest.raises(
        UnreadableSampleError, match=r"sample 5 \('5.png'\) cannot be read"
    ) as caught:
        read(pool)
    for words in (error.__name__, "truncated", "pool.exclude([5]", 'on_error="skip"'):
        assert words in str(caught.value)
    assert isinstance(caught.value.__cause__, error)
    assert len(pool.annotated_indices) == 0


def test_samples_that_can_only_not_be_read_together_are_all_named():
    class Together(AtOnce):
        def __getitems__(self, indices):
            if len(indices) > 1:
                raise RuntimeError("too many")
            return super().__getitems__(indices)

    with pytest.raises(UnreadableSampleError, match="sample 0, read together with 1, 2, 3, 4, 5,"):
        next(iter(scoring_loader(al.ActiveLearningDataset(Together()).unannotated, 8)))


def test_errors_of_alkit_stay_what_they_are():
    with pytest.raises(LabelError, match="truncated"):
        al.ActiveLearningDataset(Items(broken={5}, error=LabelError))[5]
    with pytest.raises(MemoryError):
        al.ActiveLearningDataset(Items(broken={5}, error=MemoryError))[5]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(6):
        path = tmp_path / "photos" / "ab"[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(path)
    (tmp_path / "photos" / "b" / "3.png").write_bytes(path.read_bytes()[:900])
    return str(tmp_path / "photos")


def test_the_path_of_a_damaged_image_of_a_folder_is_named(folder):
    images = ImageFolder(folder, ToTensor())
    with pytest.raises(
        UnreadableSampleError, match=r"sample 4, .*/photos/b/3\.png, cannot be read"
    ):
        al.ActiveLearningDataset(images)[4]
    with pytest.raises(
        UnreadableSampleError, match=r"sample 1, .*/photos/b/3\.png, cannot be read"
    ):
        al.ActiveLearningDataset(Subset(images, [5, 4]))[1]


def test_an_image_that_only_the_transform_of_the_pool_decodes_is_named_too(folder):
    lazy = [Image.open(f"{folder}/b/{k}.png") for k in (1, 3)]
    pool = al.ActiveLearningDataset(lazy, transform=ToTensor())
    assert pool[0].shape == (3, 32, 32)
    with pytest.raises(UnreadableSampleError, match="sample 1 cannot be read"):
        pool[1]


# --- whole batches --------------------------------------------------------------------------------


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("transform", [None, lambda x: 2 * x])
@pytest.mark.parametrize("collate", [None, default_collate])
@pytest.mark.parametrize("cache", [False, True])
def test_whole_batches_equal_those_of_single_items(outside, transform, collate, cache):
    found, asked = [], []

    class Counted(AtOnce):
        def __getitems__(self, indices):
            asked.append(len(indices))
            return super().__getitems__(indices)

    for kind in (Items, Counted):
        pool = al.ActiveLearningDataset(kind(), transform=transform, cache=cache)
        pool.annotate([1, 4, 6, 7, 8])
        if outside:
            pool.relabel([4], [2])
        asked.clear()
        options = {} if collate is None else {"collate_fn": collate}
        order = torch.utils.data.SequentialSampler(range(5))
        scored = scoring_loader(pool.unannotated, 4, **for_inputs(options, pool))
        found.append(
            [*scored, *train_loader(pool.annotated, 3, order, **options)]
            + [*eval_loader(pool.annotated, 4, **options)]
        )
    for ours, theirs in zip(*found, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    if not cache:
        assert [count for count in asked if count > 1] == [4, 3, 3, 2, 4]


@pytest.mark.parametrize("transform", [None, lambda x: 2 * x])
def test_a_whole_batch_has_no_sample_that_is_no_longer_annotated(transform):
    pool = al.ActiveLearningDataset(AtOnce(), transform=transform)
    pool.annotate([1, 2])
    pool.annotate([4, 6])
    view = pool.annotated
    pool.undo()
    order = torch.utils.data.SequentialSampler(range(4))
    with pytest.raises(AnnotationError, match="sample 4 of this view is no longer annotated"):
        list(train_loader(view, 4, order))


def test_items_are_read_in_turn_with_the_transform_where_they_are_read_one_by_one():
    turns = []

    class Recorded(Items):
        def __getitem__(self, index):
            turns.append(index)
            return super().__getitem__(index)

    pool = al.ActiveLearningDataset(Recorded(3), transform=lambda x: turns.append("t") or x)
    next(iter(scoring_loader(pool.unannotated, 3)))
    assert turns == [0, "t", 1, "t", 2, "t"]


@pytest.mark.parametrize("returned", [{"x": [1, 2], "y": [0, 1]}, [], iter([(1, 2)]), None, 2])
def test_columns_or_a_wrong_number_of_items_are_refused(returned, monkeypatch):
    monkeypatch.setattr(AtOnce, "__getitems__", lambda self, indices: returned)
    with pytest.raises(ConfigurationError, match="one item per index, 2, got"):
        next(iter(scoring_loader(al.ActiveLearningDataset(AtOnce()).unannotated, 2)))


def test_a_generator_of_items_may_fail_on_one_of_them():
    class Generating(Items):
        def __getitems__(self, indices):
            return (Items.__getitem__(self, index) for index in indices)

    pool = al.ActiveLearningDataset(Generating(broken=[3]))
    next(iter(scoring_loader(pool.unannotated, 3)))
    with pytest.raises(UnreadableSampleError, match="sample 3 cannot be read"):
        next(iter(scoring_loader(pool.unannotated, 4)))


# --- length ---------------------------------------------------------------------------------------

USES = {
    "view": lambda pool: pool.view([1], labels=False),
    "annotated": lambda pool: pool.annotated,
    "unannotated": lambda pool: pool.unannotated,
    "annotate": lambda pool: pool.annotate([1]),
    "labels": lambda pool: pool.annotate([1], [2]),
    "random": lambda pool: pool.annotate_random(1),
    "relabel": lambda pool: pool.relabel([0], [2]),
    "exclude": lambda pool: pool.exclude([1], "broken"),
    "file": lambda pool: pool.annotate("round.csv"),
    "take": lambda pool: pool.take("round.csv"),
    "state": lambda pool: pool.load_state_dict(pool.state_dict()),
    "query": lambda pool: al.Strategy(torch.nn.Linear(3, 3), pool, seed=0).build().query(1),
    "uniform": lambda pool: al.UniformStrategy(torch.nn.Linear(3, 3), pool).build().query(1),
    "fit": lambda pool: al.Strategy(torch.nn.Linear(3, 3), pool, seed=0).build().fit(1),
}


@pytest.mark.parametrize("length", [11, 13])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_dataset_that_grew_or_shrank_is_refused_before_anything_changes(use, length, tmp_path):
    (tmp_path / "round.csv").write_text("id,label\n1,2\n")
    data = Items(12)
    pool = al.ActiveLearningDataset(data)
    pool.annotate([0])
    before = pool.state_dict()
    data.count = length
    with pytest.raises((ConfigurationError, PicksError), match=f"has {length} samples, and had 12"):
        use(pool)
    assert pool.labels_of([0]) == [0]  # for the new pool
    data.count = 12
    assert pool.state_dict() == before
    use(pool)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize(
    "inside",
    [
        lambda data: Subset(data, range(10)),
        lambda data: ConcatDataset([Items(3), data]),
        lambda data: Subset(ConcatDataset([data, Items(3)]), range(12)),
    ],
)
def test_a_dataset_within_another_that_grew_or_shrank_is_refused(use, inside, tmp_path):
    (tmp_path / "round.csv").write_text("id,label\n1,2\n")
    data = Items(12)
    pool = al.ActiveLearningDataset(inside(data))
    pool.annotate([0])
    for length in (11, 13):
        data.count = length
        expected = f"the Items in the dataset has {length} samples, and had 12"
        with pytest.raises((ConfigurationError, PicksError), match=expected):
            use(pool)
    data.count = 12
    use(pool)


def test_a_subset_of_a_dataset_without_a_length_is_fine():
    class Endless(Items):
        __len__ = None

    pool = al.ActiveLearningDataset(Subset(Endless(), range(5)))
    assert len(pool.unannotated) == 5
