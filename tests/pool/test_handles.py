"""What reading opens in a dataset stays in its process."""

import copy
import pickle
from multiprocessing import get_context

import numpy as np
import pytest
from torch.utils.data import ConcatDataset, Dataset, Subset

import alkit as al


def opened_file(path):
    return open(path, "rb")


class Lazy(Dataset):
    """Rows of a file that is opened at the first read, as many datasets do."""

    def __init__(self, path, eager=False):
        self.path, self.handles = path, {}
        self.file = opened_file(path) if eager else None

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if self.file is None:
            self.file = opened_file(self.path)
        if not hasattr(self, "rows"):
            self.rows = np.memmap(self.path, np.uint8)
        self.handles.setdefault("first", self.file)
        self.file.seek(index)
        return np.array([self.file.read(1)[0], self.rows[index]]), index % 2


class Ready(Lazy):
    def __getstate__(self):
        return {**vars(self), "file": None, "handles": {"own": True}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(bytes(range(50, 58)))
    return str(path)


WRAPS = {
    "alone": lambda data: data,
    "subset": lambda data: Subset(data, range(8)),
    "concat": lambda data: ConcatDataset([data, data]),
    "subset of concat": lambda data: Subset(ConcatDataset([data]), range(8)),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("copied", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy])
def test_a_file_that_reading_opened_is_not_pickled_and_is_opened_again(path, wrap, copied):
    data = Lazy(path)
    pool = al.ActiveLearningDataset(wrap(data))
    pool.annotate([3])
    opened = data.file
    assert opened is not None
    again = copied(pool)
    inside = again._samples.dataset
    while not isinstance(inside, Lazy):
        inside = inside.dataset if isinstance(inside, Subset) else inside.datasets[0]
    assert (inside.file, inside.handles, hasattr(inside, "rows")) == (None, {}, False)
    assert again[5].tolist() == pool[5].tolist() == [55, 55]
    assert (data.file, data.handles["first"]) == (opened, opened)
    assert pickle.loads(pickle.dumps(again))[2].tolist() == [52, 52]  # also after it has read


def test_a_second_pool_of_a_dataset_is_as_the_first(path):
    data = Lazy(path)
    al.ActiveLearningDataset(data)[3]
    assert data.file is not None
    again = pickle.loads(pickle.dumps(al.ActiveLearningDataset(Subset(data, range(4)))))
    assert again._samples.dataset.dataset.file is None
    assert again[2].tolist() == [52, 52]


def test_the_getstate_of_a_dataset_decides_itself(path):
    pool = al.ActiveLearningDataset(Ready(path))
    pool.annotate([3])
    del pool._samples.dataset.rows
    again = pickle.loads(pickle.dumps(pool))._samples.dataset
    assert (again.file, again.handles) == (None, {"own": True})


def test_what_was_set_otherwise_is_kept(path):
    data = Lazy(path)
    data.transform, data.large = None, np.arange(3)
    pool = al.ActiveLearningDataset(data)
    data.transform, data.large, data.notes = str.upper, np.arange(4), ["a"]
    again = pickle.loads(pickle.dumps(pool))._samples.dataset
    assert (again.transform, len(again.large), again.notes) == (str.upper, 4, ["a"])
    data.transform = lambda x: x  # lost without a word, it would change the results
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(pool)


def test_a_file_that_was_open_before_the_pool_is_an_error_of_pickle(path):
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(al.ActiveLearningDataset(Lazy(path, eager=True)))


def _in_a_fork(pool, queue):
    before = pool._samples.dataset.file
    value = pool[6].tolist()
    after = pool._samples.dataset
    queue.put((value, after.file is before, before.closed, after.file.fileno() != before.fileno()))


def test_a_forked_worker_opens_its_own_file_and_leaves_that_of_the_parent_alone(path):
    pool = al.ActiveLearningDataset(Lazy(path))
    pool.annotate([3])
    opened = pool._samples.dataset.file
    place, context = opened.tell(), get_context("fork")
    queue = context.SimpleQueue()
    worker = context.Process(target=_in_a_fork, args=(pool, queue))
    worker.start()
    assert queue.get() == ([56, 56], False, False, True)
    worker.join()
    assert opened.tell() == place
    assert pool._samples.dataset.file is opened
