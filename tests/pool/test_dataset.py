import pickle
import time

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, get_worker_info
from torchvision import datasets, transforms

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, SampleIndexError

N = 12


class Poison:
    """A label that raises on any use but being handed on."""

    def _raise(self, *_):
        raise RuntimeError("the label of an unannotated sample was used")

    __getattribute__ = __eq__ = __hash__ = __bool__ = __repr__ = __array__ = _raise
    __reduce_ex__ = __deepcopy__ = __len__ = __iter__ = __float__ = __int__ = _raise


class Vectors(Dataset):
    """``([i], label)``; counts reads; what nobody paid for may be poisoned."""

    def __init__(self, form="pair"):
        self.form = form
        self.reads = [0] * N
        self.paid = None

    def __len__(self):
        return N

    def __getitem__(self, index):
        self.reads[index] += 1
        x = torch.tensor([float(index)])
        label = 10 * index
        if self.paid is not None and index not in self.paid:
            label = Poison()
        if self.form == "alone":
            return x
        return (x, label) if self.form == "pair" else {"x": x, "label": label}


class Times:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return {**x, "x": x["x"] * self.factor} if isinstance(x, dict) else x * self.factor


@pytest.fixture
def pool():
    return al.ActiveLearningDataset(Vectors())


def plain(sample):
    """Nested values of a sample, tensors as lists."""
    if isinstance(sample, dict):
        return {key: plain(value) for key, value in sample.items()}
    if isinstance(sample, tuple | list):
        return tuple(map(plain, sample))
    return sample.tolist() if isinstance(sample, torch.Tensor) else sample


def test_boxes_from_people_stand_in_for_a_label_that_nobody_paid_for():
    pool = al.ActiveLearningDataset([(torch.zeros(3, 8, 8), Poison()) for _ in range(3)])
    pool.annotate([1], [{"boxes": [[0, 0, 2, 2]], "labels": [1]}])
    assert pool[1][1]["boxes"].tolist() == [[0, 0, 2, 2]]
    assert pool[0].shape == (3, 8, 8)


# --- samples --------------------------------------------------------------------------------------


def test_an_annotated_sample_has_its_label_and_any_other_has_none():
    for form, with_label, without in (
        ("pair", ([3.0], 30), [4.0]),
        ("dict", {"x": [3.0], "label": 30}, {"x": [4.0]}),
    ):
        pool = al.ActiveLearningDataset(Vectors(form))
        pool.annotate([3])
        assert plain(pool[3]) == plain(pool.annotated[0]) == with_label
        assert plain(pool[4]) == plain(pool.unannotated[3]) == without


def test_items_without_any_label_get_those_of_people():
    pool = al.ActiveLearningDataset(Vectors("alone"))
    pool.annotate([3, 1], ["cat", "dog"])
    assert plain(pool[3]) == ([3.0], "cat")
    assert plain(list(pool.annotated)) == (([1.0], "dog"), ([3.0], "cat"))
    assert plain(pool[0]) == [0.0]


def test_bare_images_are_not_unpacked():  # fault 13
    pool = al.ActiveLearningDataset(torch.zeros(5, 1, 4, 4))
    pool.annotate([2], [1])
    assert pool[0].shape == (1, 4, 4)
    assert pool[2][0].shape == (1, 4, 4)
    assert next(iter(DataLoader(pool.unannotated, 4))).shape == (4, 1, 4, 4)


def test_an_item_is_read_once_and_is_no_nested_pair():  # fault 11
    dataset = Vectors()
    pool = al.ActiveLearningDataset(dataset)
    pool[5]
    assert dataset.reads[5] == 1
    pool.annotate([5])
    dataset.reads[5] = 0
    x, y = pool[5]
    assert (x.tolist(), y, dataset.reads[5]) == ([5.0], 50, 1)
    assert sum(dataset.reads) == 1


def test_images_of_torchvision_are_annotated_like_any():  # fault 12: integer labels
    dataset = datasets.FakeData(6, (3, 8, 6), num_classes=4)
    pool = al.ActiveLearningDataset(dataset, transform=transforms.ToTensor())
    pool.annotate_random(2, seed=0)
    images, labels = next(iter(DataLoader(pool.annotated, 2)))
    assert images.shape == (2, 3, 8, 6)
    assert labels.tolist() == [int(dataset[i][1]) for i in pool.annotated_indices]


@pytest.mark.parametrize("form", ["pair", "dict"])
@pytest.mark.parametrize("cache", [False, True])
def test_the_label_of_an_unannotated_sample_is_never_used(form, cache):
    dataset = Vectors(form)
    dataset.paid = {8, 1, 5}
    pool = al.ActiveLearningDataset(dataset, transform=Times(2), cache=cache)
    for ids in ([8], [1, 5]):
        assert len(list(DataLoader(pool.unannotated, 5))) == 3
        assert len(list(pool)) == len(list(pool.view(range(N), labels=False))) == N
        assert repr(pool)
        pool.annotate(ids)
    pool.relabel([8], [7])
    pool.annotate([3], [9])  # what people say goes before the poison
    assert [s["label"] if form == "dict" else s[1] for s in pool.annotated] == [10, 9, 50, 7]
    with pytest.raises(RuntimeError, match="unannotated"):  # the poison works
        str(dataset[0])


@pytest.mark.parametrize("index", [-1, N, 10**9])
def test_a_sample_outside_the_dataset_is_an_index_error(index, pool):
    with pytest.raises(SampleIndexError, match=rf"0 to {N - 1}, got {index}"):
        pool[index]


@pytest.mark.parametrize("index", [1.0, "1", None, slice(2), [1], torch.tensor([1, 2])])
def test_a_sample_is_read_by_one_integer(index, pool):
    with pytest.raises(SampleIndexError, match="expected one dataset index"):
        pool[index]


@pytest.mark.parametrize("kind", [int, np.int32, torch.tensor])
def test_integers_of_any_kind_find_the_label_that_people_gave(kind, pool):
    pool.annotate([3], [999])
    assert pool[kind(3)][1] == 999


def test_a_view_keeps_its_samples_and_their_order(pool):
    pool.annotate([7, 2])
    view, rest = pool.annotated, pool.unannotated
    chosen = pool.view([7, 2], labels=True)
    pool.annotate([4])
    assert plain(list(view)) == (([2.0], 20), ([7.0], 70))
    assert plain(list(chosen)) == (([7.0], 70), ([2.0], 20))
    assert (len(rest), plain(rest[3])) == (N - 2, [4.0])
    assert chosen.indices.tolist() == [7, 2]


def test_a_view_gives_no_label_that_was_taken_back(pool):
    pool.annotate([7])
    view = pool.annotated
    pool.undo()
    with pytest.raises(AnnotationError, match="sample 7 of this view is no longer annotated"):
        view[0]


def test_a_view_with_labels_needs_annotated_samples(pool):
    pool.annotate([7])
    with pytest.raises(AnnotationError, match="sample 3 is not annotated"):
        pool.view([7, 3], labels=True)
    with pytest.raises(SampleIndexError):
        pool.view([N], labels=False)
    assert plain(list(pool.view([7, 3], labels=False))) == ([7.0], [3.0])


def test_views_and_indices_cannot_change_the_pool(pool):
    pool.annotate([7, 2])
    for indices in (pool.annotated_indices, pool.unannotated_indices, pool.rounds):
        indices[:] = 0
    for view in (pool.annotated, pool.unannotated):
        with pytest.raises(ValueError, match="read-only"):
            view.indices[:] = 0
    assert pool.annotated_indices.tolist() == [2, 7]


# --- transforms, cache, loaders -------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pair", "dict"])
def test_scoring_has_a_transform_of_its_own(form):  # fault 14
    pool = al.ActiveLearningDataset(
        Vectors(form), transform=Times(100), scoring_transform=Times(-1)
    )
    pool.annotate([3])
    x, scored, y = [300.0], [-3.0], 30
    pair = (lambda x: {"x": x, "label": y}) if form == "dict" else (lambda x: (x, y))
    alone = (lambda x: {"x": x}) if form == "dict" else (lambda x: x)
    assert plain(pool[3]) == plain(pool.annotated[0]) == pair(x)
    assert plain(pool.unannotated[4]) == plain(pool[5]) == alone([500.0])
    assert plain(pool.view([3], labels=True)[0]) == pair(x)
    assert plain(pool.view([3], labels=True, scoring=True)[0]) == pair(scored)
    assert plain(pool.view([3], labels=False, scoring=True)[0]) == alone(scored)


def test_without_one_scoring_has_the_transform_of_training():
    pool = al.ActiveLearningDataset(Vectors(), transform=Times(2))
    assert pool.view([3], labels=False, scoring=True)[0].tolist() == [6]


def test_nothing_is_read_before_it_is_asked_for():  # fault 14
    dataset = Vectors()
    pool = al.ActiveLearningDataset(dataset)
    assert len(pool.unannotated) == len(pool.view(range(N), labels=False)) == N
    pool.annotate([2, 5], [0, 1])
    assert np.flatnonzero(dataset.reads).tolist() == [2]  # the form of the dataset's labels
    next(iter(DataLoader(pool.unannotated, batch_size=3)))
    assert sum(dataset.reads) == 4


def test_a_cache_reads_each_item_once_and_states_its_bytes():
    dataset = Vectors()
    pool = al.ActiveLearningDataset(dataset, cache=True, transform=Times(2))
    pool.annotate([2, 5])
    for _ in range(2):
        assert plain(list(pool.annotated)) == (([4.0], 20), ([10.0], 50))
        assert [x.item() for x in pool.unannotated] == [2 * i for i in range(N) if i not in (2, 5)]
    assert dataset.reads == [1] * N
    tensors = al.ActiveLearningDataset(
        TensorDataset(torch.zeros(50, 1, 4, 4), torch.arange(50)), cache=True
    )
    assert tensors.cache_nbytes == 50 * 64
    assert "caches up to 0.0 MB" in repr(tensors)
    assert "cache" not in repr(al.ActiveLearningDataset(dataset))


@pytest.mark.parametrize("cache", [False, True])
def test_a_pool_and_its_views_can_be_sent_to_other_processes(cache):
    pool = al.ActiveLearningDataset(Vectors(), transform=Times(2), cache=cache)
    pool.annotate([2, 5], [7, 8])
    list(pool)
    twin, views = pickle.loads(pickle.dumps((pool, (pool.annotated, pool.unannotated))))
    assert plain(list(twin)) == plain(list(pool))
    assert plain(list(views[0])) == plain(list(pool.annotated))
    assert plain(list(views[1])) == plain(list(pool.unannotated))
    assert twin.undo().tolist() == [2, 5]
    assert pool.get_num_annotated() == 2


def in_a_worker(x):
    return torch.cat([x, torch.tensor([float(get_worker_info() is not None)])])


def test_loaders_read_with_workers():  # fault 14
    pool = al.ActiveLearningDataset(Vectors(), transform=in_a_worker, cache=True)
    pool.annotate([1, 3, 5], [0, 1, 0])
    loader = DataLoader(pool.annotated, 2, num_workers=2)
    read = [(x.tolist(), y.tolist()) for x, y in loader]
    assert read == [([[1, 1], [3, 1]], [0, 1]), ([[5, 1]], [0])]


def test_workers_may_be_spawned():
    dataset = TensorDataset(torch.arange(6.0), torch.arange(6))
    pool = al.ActiveLearningDataset(dataset, transform=torch.neg, cache=True)
    pool.annotate([1, 3])
    list(pool)
    loader = DataLoader(pool.annotated, 2, num_workers=1, multiprocessing_context="spawn")
    assert [(x.tolist(), y.tolist()) for x, y in loader] == [([-1, -3], [1, 3])]


def test_labels_of_the_dataset_and_of_people_make_one_batch():
    for labels, people, collated in (
        (torch.arange(N), [8, 9], [0, 1, 8, 9]),
        (torch.arange(N).float(), [8, 9.5], [0, 1, 8, 9.5]),
        (torch.eye(N)[:, :2], [[0, 2], [2, 0]], [[1, 0], [0, 1], [0, 2], [2, 0]]),
        (np.arange(N), [8, 9], [0, 1, 8, 9]),
        (np.eye(N)[:, :2], [[0, 2], [2, 0]], [[1, 0], [0, 1], [0, 2], [2, 0]]),
        (list(range(N)), np.array([8, 9]), [0, 1, 8, 9]),
    ):
        pool = al.ActiveLearningDataset([(torch.zeros(1), y) for y in labels])
        pool.annotate([0, 1])
        pool.annotate([2, 3], people)
        for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
            batch = next(iter(DataLoader(pool.view(order, labels=True), 4)))[1]
            assert batch.tolist() == [collated[i] for i in order]
            if isinstance(labels, torch.Tensor):
                assert batch.dtype == labels.dtype


def test_annotated_and_unannotated_samples_are_drawn_apart(pool):  # fault 17
    pool.annotate([0, 1, 2, 3])
    assert (len(pool.annotated), len(pool.unannotated)) == (4, N - 4)
    pairs = zip(DataLoader(pool.annotated, 2), DataLoader(pool.unannotated, 4), strict=True)
    assert [(len(y), len(x)) for (_, y), x in pairs] == [(2, 4), (2, 4)]


def test_a_pool_prints_what_it_holds(pool):
    pool.annotate([3])
    assert repr(pool) == (
        f"ActiveLearningDataset({N} samples of Vectors, 1 annotated, next round 1)"
    )


def test_names_are_one_a_sample():
    assert al.ActiveLearningDataset([1, 2], names=["a", "b"]).names == ["a", "b"]
    with pytest.raises(ConfigurationError, match="expected 2 names, got 1"):
        al.ActiveLearningDataset([1, 2], names=["a"])


# --- cost -----------------------------------------------------------------------------------------


def test_an_item_costs_the_same_in_a_small_and_in_a_large_pool():
    def seconds(size):
        pool = al.ActiveLearningDataset(range(size))
        pool.annotate(range(50), [0] * 50)

        def read():
            started = time.perf_counter()
            for _ in range(20):
                pool[7], pool[60], pool.annotated[7], pool.unannotated[7]
            return time.perf_counter() - started

        return min(read() for _ in range(50))

    assert seconds(1_000_000) < 5 * seconds(100)  # a scan of the mask would be 100 times slower
