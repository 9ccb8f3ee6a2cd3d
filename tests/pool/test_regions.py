"""Tiles of images are samples: each pixel is in one, and nothing else about a pool changes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool import Regions

SIZES = [(9, 12), (8, 8), (4, 7)]


class Poison:
    def _raise(self, *_):
        raise RuntimeError("the label of an unannotated tile was used")

    __getattribute__ = __eq__ = __hash__ = __bool__ = __repr__ = __array__ = _raise
    __reduce_ex__ = __deepcopy__ = __len__ = __iter__ = __float__ = __int__ = _raise


class Images:
    """Images of several sizes in some form; counts reads."""

    def __init__(self, form="tensor", sizes=SIZES, poisoned=False):
        self.form, self.sizes, self.poisoned = form, sizes, poisoned
        self.reads = [0] * len(sizes)

    def __len__(self):
        return len(self.sizes)

    def pixels(self, k):
        height, width = self.sizes[k]
        return np.arange(3 * height * width).reshape(3, height, width) % 251 + k

    def mask(self, k):
        height, width = self.sizes[k]
        return np.arange(height * width).reshape(height, width) % 7

    def __getitem__(self, k):
        self.reads[k] += 1
        x, y = self.pixels(k), self.mask(k)
        if self.form == "tensor":
            return torch.tensor(x), Poison() if self.poisoned else torch.tensor(y)
        if self.form == "alone":
            return torch.tensor(x)
        if self.form == "dict":
            return {"image": torch.tensor(x), "label": torch.tensor(y), "weight": 0.5}
        last = x.transpose(1, 2, 0)
        if self.form == "PIL":
            return Image.fromarray(last.astype(np.uint8)), Image.fromarray(y.astype(np.uint8))
        return last, y


def cut(array, place):
    return array[..., place.top : place.top + 4, place.left : place.left + 4]


@pytest.mark.parametrize("form", ["tensor", "alone", "dict", "array", "PIL"])
def test_a_tile_is_the_part_of_the_image_and_of_its_mask(form):
    images = Images(form)
    tiles = Regions(4)(images)
    assert len(tiles) == 9 + 4 + 2
    for index in range(len(tiles)):
        place = tiles.place(index)
        item = tiles[index]
        x, y = cut(images.pixels(place.image), place), cut(images.mask(place.image), place)
        if form == "dict":
            assert item["weight"] == 0.5
            item = (item["image"], item["label"])
        if form == "alone":
            assert np.array_equal(item, x)
        elif form in ("array", "PIL"):
            assert np.array_equal(np.asarray(item[0]), x.transpose(1, 2, 0))
            assert np.array_equal(np.asarray(item[1]), y)
        else:
            assert np.array_equal(item[0], x)
            assert np.array_equal(item[1], y)


def test_names_have_the_row_and_the_column_of_a_tile():
    tiles = Regions(4)(Images(), names=["a.png", "b.png", "c.png"])
    assert tiles.names[:5] == ["a.png#0,0", "a.png#0,1", "a.png#0,2", "a.png#1,0", "a.png#1,1"]
    assert tiles.names[-1] == "c.png#0,1"
    assert tiles.images.tolist() == [0] * 9 + [1] * 4 + [2] * 2
    assert Regions(4)(Images()).names[9] == "1#0,0"


def test_the_last_tiles_of_an_uneven_image_begin_earlier():
    tiles = Regions(4)(Images())
    assert tiles.place(8) == (0, 5, 8, 4, 4)  # rows 5 to 8 of 9
    assert tiles.place(14) == (2, 0, 3, 4, 4)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_every_pixel_is_in_a_tile_and_the_tiles_make_the_image(height, width, down, right):
    images = Images("alone", [(height + down, width + right), (height, width)])
    tiles = Regions((height, width))(images)
    for image in (0, 1):
        ids = np.flatnonzero(tiles.images == image).tolist()
        whole = tiles.whole(image, {i: tiles[i] for i in ids})
        assert whole.equal(torch.tensor(images.pixels(image)))


def test_pixels_without_a_tile_are_ignored_by_the_loss():
    tiles = Regions(4)(Images())
    mask = tiles.whole(1, {10: [[1] * 4] * 4})
    assert mask.dtype == torch.long
    assert mask[:4, 4:].eq(1).all()
    assert mask.eq(-100).sum() == 48
    assert tiles.whole(1, {}).eq(-100).all()
    with pytest.raises(SampleIndexError, match="tile 3 is of image 0"):
        tiles.whole(1, {3: [[1] * 4] * 4})
    with pytest.raises(ConfigurationError, match="4 x 4"):
        tiles.whole(1, {10: [[1] * 3] * 4})
    with pytest.raises(SampleIndexError, match="0 to 2"):
        tiles.whole(-1, {})


def test_labels_of_tiles_go_through_a_pool_and_back_to_the_image():
    images = Images()
    tiles = Regions(4)(images, names=["a", "b", "c"])
    pool = al.ActiveLearningDataset(tiles, names=tiles.names)
    pool.annotate(["b#0,1"], [[[1] * 4] * 4])  # of a person
    pool.annotate([9, 11, 12])  # of the dataset
    ids = [9, 10, 11, 12]
    whole = tiles.whole(1, dict(zip(ids, pool.labels_of(ids), strict=True)))
    expected = torch.tensor(images.mask(1))
    expected[:4, 4:] = 1
    assert whole.equal(expected)
    x, y = pool[10]
    assert x.shape == (3, 4, 4)
    assert y.eq(1).all()


def test_masks_that_were_not_paid_for_are_not_looked_at():
    poisoned = al.ActiveLearningDataset(Regions(4)(Images(poisoned=True), sizes=SIZES))
    assert poisoned[0].equal(al.ActiveLearningDataset(Regions(4)(Images()))[0])
    with pytest.raises(RuntimeError, match="unannotated"):
        poisoned.annotate([0])


def test_an_image_is_read_once_for_its_tiles_in_a_batch():
    images = Images()
    tiles = Regions(4)(images, sizes=SIZES)
    assert images.reads == [0, 0, 0]
    items = tiles.__getitems__([0, 9, 3, 8])
    assert images.reads == [1, 1, 0]
    assert items[2][0].equal(tiles[3][0])
    assert items[0][0].untyped_storage().nbytes() == 3 * 16 * 8  # not the whole image
    assert len(Regions(4)(TensorDataset(torch.zeros(5, 1, 8, 8)))) == 20
    assert len(Regions(4)(images, sizes=(8, 8))) == 12


def test_a_query_is_of_tiles_and_a_training_sees_their_masks():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(6, 1, 16, 16, generator=g)
    tiles = Regions(8)(TensorDataset(x, (x[:, 0] > 0.5).long()))
    pool = al.ActiveLearningDataset(tiles, names=tiles.names)
    pool.annotate_random(4, seed=0)
    net = torch.nn.Conv2d(1, 2, 1)
    strategy = al.Strategy(net, pool, al.Entropy(), outputs="segmentation", seed=0).build()
    strategy.fit(max_steps=5)
    query = strategy.query(3)
    assert query.names == [tiles.names[i] for i in query]
    expected = al.Entropy()(
        al.Prediction.segmentation(net(torch.stack([tiles[i][0] for i in query])))
    )
    assert torch.as_tensor(query.scores).float().allclose(expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Regions(0), "size"),
        (lambda: Regions((4, 4, 4)), "size"),
        (lambda: Regions("4"), "size"),
        (lambda: Regions(5)(Images()), "image 2 has 4 x 7 pixels, less than a tile of 5 x 5"),
        (lambda: Regions(4)([(torch.zeros(3), 0)]), "image 0 is of Tensor"),
        (lambda: Regions(4)(Images(), sizes=[(4, 4)]), "sizes"),
        (lambda: Regions(4)(Images(), names=["a"]), "3 names"),
        (lambda: Regions(4)("folder"), "map-style"),
        (lambda: Regions(4)([(torch.zeros(8, 8), 1)])[0], "must be a mask"),
        (lambda: Regions(4)([(torch.zeros(8, 8), torch.zeros(9, 8))])[0], "must be a mask"),
        (lambda: Regions(4)(Images(), sizes=(8, 8))[0], "9 x 12 pixels, and 8 x 8 at first"),
    ],
)
def test_what_has_no_tiles_is_refused(make, match):
    with pytest.raises(ConfigurationError, match=match):
        make()


BOXES = {"boxes": torch.zeros(1, 4), "labels": torch.zeros(1)}


@pytest.mark.parametrize("image", [torch.zeros(3, 8, 12), Image.new("RGB", (12, 8))])
@pytest.mark.parametrize(
    "label",
    [
        Image.new("L", (8, 12)),
        Image.new("L", (6, 4)),  # PIL pads what is outside with zeros
        np.zeros((4, 6)),
        [[0] * 12] * 8,
        BOXES,
        (1, 2),
        3,
        np.int64(3),
        "cat",
    ],
)
def test_a_label_that_has_no_part_for_a_tile_is_refused(image, label):
    for item in ((image, label), {"image": image, "label": label}):
        with pytest.raises(ConfigurationError, match="image 0 must be a mask of its 8 x 12 pixels"):
            Regions(4)([item])[0]


def test_what_a_dict_has_beside_the_image_is_of_its_size_or_has_no_size():
    image, depth = torch.zeros(3, 8, 12), torch.arange(96).view(1, 8, 12)
    item = Regions(4)([{"image": image, "depth": depth, "camera": "left", "scale": 0.5}])[1]
    assert item["depth"].equal(depth[:, :4, 4:8])
    assert (item["camera"], item["scale"]) == ("left", 0.5)
    with pytest.raises(ConfigurationError, match=r"'depth' of image 0 .* 4 x 6 .* 8 x 12 pixels"):
        Regions(4)([{"image": image, "depth": depth[:, ::2, ::2]}])[0]


def test_values_of_all_tiles_keep_their_precision():
    tiles = Regions(4)(Images())
    whole = tiles.whole(1, {9: torch.ones(4, 4, dtype=torch.long), 10: torch.full((4, 4), 0.5)})
    assert whole[:4].unique().tolist() == [0.5, 1]


def test_there_is_no_tile_beyond_the_last():
    tiles = Regions(4)(Images())
    with pytest.raises(SampleIndexError, match="0 to 14"):
        tiles.place(15)
    with pytest.raises(IndexError):
        tiles[15]
    assert repr(tiles) == "Tiles(15 of 4 x 4 pixels, 3 images of Images)"
    assert repr(Regions(4)) == "Regions(4)"
    assert repr(Regions((4, 8))) == "Regions((4, 8))"
