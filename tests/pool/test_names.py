from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, SampleIndexError
from alkit.pool.names import Names

FILES = [f"img_{i}.png" for i in range(6)]


@pytest.fixture
def pool():
    return al.ActiveLearningDataset([(i, 10 * i) for i in range(6)], names=FILES)


@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, pd.Series, pd.Index, lambda x: map(str, x)]
)
def test_names_may_be_any_texts(kind):
    names = Names(kind(FILES), 6)
    assert names.texts == FILES
    assert {type(text) for text in names.texts} == {str}


def test_paths_are_names_too():
    names = Names([Path(name) for name in FILES], 6)
    assert names.texts == FILES
    assert names.indices([Path("img_2.png")]).tolist() == [2]


@pytest.mark.parametrize(
    "names", [3, "abcdef", b"abcdef", {"a": 1}, {"a"}, [1] * 6, [None] * 6, FILES[1:]]
)
def test_anything_else_is_refused(names):
    with pytest.raises(ConfigurationError, match="names"):
        al.ActiveLearningDataset(range(6), names=names)


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, lambda x: np.array(x, object)])
def test_samples_are_annotated_and_relabeled_by_name(kind, pool):
    asked = kind(["img_3.png", "img_1.png"])
    assert pool.annotate(asked, [7, 8]).tolist() == [3, 1]
    assert pool.relabel(asked, [5, 6]).tolist() == [3, 1]
    assert pool.labels_of(asked) == [5, 6]
    assert [x for x, _ in pool.view(asked, labels=True)] == [3, 1]
    assert pool.annotate(["img_0.png"]).tolist() == [0]


@pytest.mark.parametrize(
    ("indices", "says"),
    [
        (["img_9.png"], "no sample of the pool has the name 'img_9.png'. Did you mean"),
        (["img_1.png", 2], "got both: 'img_1.png' and 2"),
        (["img_1.png", "img_1.png"], "more than once"),
        (["1"], "no sample of the pool has the name '1'"),
    ],
)
def test_a_wrong_name_changes_nothing(indices, says, pool):
    before = pool.state_dict()
    with pytest.raises(SampleIndexError, match=says):
        pool.annotate(indices, [0] * len(indices))
    assert pool.state_dict() == before


def test_a_name_of_two_samples_and_a_name_without_names_are_refused():
    twice = al.ActiveLearningDataset(range(3), names=["a", "b", "a "])
    assert twice.annotate(["b"], [0]).tolist() == [1]
    with pytest.raises(SampleIndexError, match="several samples of the pool have the name 'a'"):
        twice.annotate(["a"], [0])
    with pytest.raises(SampleIndexError, match="pass names="):
        al.ActiveLearningDataset(range(3)).annotate(["a"], [0])


def test_a_query_of_a_pool_with_other_names_is_refused(pool):
    other = al.Query(np.array([2, 3]), names=["img_2.png", "img_4.png"])
    with pytest.raises(AnnotationError, match=r"sample 3 as 'img_4.png', .* as 'img_3.png'"):
        pool.annotate(other, [0, 1])
    assert not len(pool.annotated)
    pool.annotate(al.Query(np.array([2]), names=["img_2.png"]), [0])
    pool.annotate(al.Query(np.array([3])), [0])


def test_errors_name_the_sample_by_both(pool):
    pool.annotate([1])
    with pytest.raises(AnnotationError, match=r"sample 1 \('img_1.png'\) is annotated already"):
        pool.annotate([1])


def test_lists_of_indices_stay_what_they_are():
    names = Names(FILES, 6)
    for given in ([1, 2], np.arange(3), torch.arange(3), al.Query([1]), 5, None, "a.csv"):
        assert names.indices(given) is given
