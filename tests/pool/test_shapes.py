"""Labels of several values: masks, tags, boxes and vectors of labels through a pool."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset
from torchvision import tv_tensors

import alkit as al
from alkit.errors import ConfigurationError, LabelError
from alkit.pool.shapes import expected_kinds, follows, size_of

SIZES = [(4, 5), (6, 3), (4, 5), (7, 5)]


class Items(Dataset):
    """Inputs, and their labels if there are any."""

    def __init__(self, inputs, labels=None):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return (
            self.inputs[index] if self.labels is None else (self.inputs[index], self.labels[index])
        )


IMAGES = [torch.zeros(3, *size) for size in SIZES]
TOKENS = [torch.zeros(n).long() for n in (3, 2, 5, 1)]
WORDS = ["the cat sat", "a dog", "the bird", "one two three four"]
BOXES = {"boxes": [[0, 0, 3, 2], [1, 1, 2, 4]], "labels": [1, 2]}
NOTHING = {"boxes": [], "labels": []}


def mask(height, width, value=1):
    return np.full((height, width), value)


def through(pool, made):
    """The labels after a state in JSON, and after a ledger, are the same."""
    ids = pool.annotated_indices
    again = made()
    again.load_state_dict(json.loads(json.dumps(pool.state_dict())))
    assert again.labels_of(ids) == pool.labels_of(ids)
    return again


KINDS = {
    "masks of any size": (IMAGES, [mask(*size) for size in SIZES]),
    "masks of one size": (torch.zeros(4, 1, 4, 4), torch.arange(64).reshape(4, 4, 4) % 3),
    "vectors of labels": (torch.zeros(4, 2), [[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]]),
    "tags of words": (WORDS, [[0, 1, 2], [0, 1], [1, 1], [0, 0, 0, 3]]),
    "tags of tokens": (
        [torch.zeros(n).long() for n in (3, 2, 5, 1)],
        [[1, 1, 1], [0, 1], [2] * 5, [0]],
    ),
    "boxes": (IMAGES, [BOXES, NOTHING, BOXES, NOTHING]),
    "boxes as rows": (IMAGES, [[[0, 0, 3, 2, 1.5]], np.zeros((3, 5)), [[1.0] * 5] * 2, []]),
    "boxes of COCO": (
        IMAGES,
        [[{"bbox": [0, 0, 2, 2], "category_id": 5}], [], [{"bbox": [0] * 4}], []],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_go_in_and_come_back(kind, tmp_path):
    inputs, labels = KINDS[kind]
    plain = [json.loads(json.dumps(each, default=lambda a: a.tolist())) for each in labels]

    def made(**options):
        return al.ActiveLearningDataset(Items(inputs), names=list("abcd"), **options)

    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        pool = made()
        pool.annotate(order, [labels[k] for k in order])
        assert pool.labels_of(range(4)) == plain
    one_by_one = made(ledger=tmp_path / "labels.db")
    for k in range(4):
        one_by_one.annotate([k], [labels[k]])
    one_by_one.relabel([2], [labels[2]])
    assert one_by_one.labels_of(range(4)) == plain
    through(one_by_one, made)
    assert made(ledger=tmp_path / "labels.db").labels_of(range(4)) == plain


@pytest.mark.parametrize("kind", KINDS)
def test_the_labels_of_a_dataset_are_of_the_same_kind(kind):
    inputs, labels = KINDS[kind]
    form = torch.as_tensor if "boxes" not in kind and kind != "boxes of COCO" else lambda y: y
    pool = al.ActiveLearningDataset(Items(inputs, [form(y) for y in labels]))
    pool.annotate([0, 1])
    pool.annotate([2], [labels[2]])
    pool.annotate([3])
    pool.relabel([1], [labels[1]])
    assert len(pool.annotated) == 4
    for k in range(4):
        assert pool[k][1] is not None


REFUSED = {
    "a mask of another shape": (
        IMAGES, [mask(4, 5), mask(6, 3), mask(5, 4), mask(7, 5)], 2, "in the shape of its input",
    ),
    "the mask of another image": (
        IMAGES, [mask(4, 5), mask(4, 5), mask(4, 5), mask(7, 5)], 1, "in the shape of its input",
    ),
    "another number of labels": (
        torch.zeros(4, 2), [[0, 1, 1], [1, 0, 0], [0, 0], [1, 1, 1]], 2, r"array of shape \(3,\)",
    ),
    "tags of another number of words": (
        WORDS, [[0, 1, 2], [0, 1], [1, 1, 1, 1], [0, 0, 0, 3]], 2, "in the shape of its input",
    ),
    "another number of columns": (
        IMAGES, [np.ones((2, 5)), np.ones((1, 5)), np.ones((2, 6)), []], 2, r"shape \(2, 5\)",
    ),
    "columns of boxes": (IMAGES, [BOXES, {"boxes": [[1, 2, 3]], "labels": [1]}], 1, "rows of 4"),
    "more labels than boxes": (IMAGES, [BOXES, {**BOXES, "labels": [1]}], 1, "each of the 2"),
    "a negative class": (IMAGES, [BOXES, {**BOXES, "labels": [1, -1]}], 1, "from 0 on"),
    "NaN": (IMAGES, [BOXES, {"boxes": [[0, 0, 1, float("nan")]], "labels": [1]}], 1, "finite"),
    "width and height": (IMAGES, [{"boxes": [[2, 2, 1, 1]], "labels": [1]}], 0, "has no area"),
    "an empty box": (IMAGES, [{"boxes": [[2, 2, 3, 2]], "labels": [1]}], 0, "has no area"),
    "to the right": (IMAGES, [NOTHING, {"boxes": [[0, 0, 4, 1]], "labels": [1]}], 1, "width 3"),
    "too low": (IMAGES, [{"boxes": [[0, 0, 3, 6]], "labels": [1]}], 0, "height 4"),
    "above": (IMAGES, [{"boxes": [[0, -1, 3, 2]], "labels": [1]}], 0, "not inside"),
    "boxes among masks": (IMAGES, [mask(4, 5), mask(6, 3), BOXES], 2, "boxes with labels"),
}  # fmt: skip


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_its_sample(case, own):
    inputs, labels, wrong, message = REFUSED[case]
    if own:
        if case in ("another number of labels", "tags of another number of words",
                    "another number of columns"):  # fmt: skip
            pytest.skip("arrays of a dataset may have any shape")
        labels = [*labels, *labels[:1] * 3]
        labels = [torch.as_tensor(y) if isinstance(y, np.ndarray) else y for y in labels]
    pool = al.ActiveLearningDataset(Items(inputs, labels if own else None))
    ids = range(min(len(labels), 4)) if not own else range(max(wrong + 1, 3))
    before = pool.state_dict()
    with pytest.raises(LabelError, match=rf"sample {wrong}: .*{message}"):
        pool.annotate(ids, None if own else labels)
    assert pool.state_dict() == before


def test_a_mask_for_relabeling_has_the_shape_of_its_image():
    pool = al.ActiveLearningDataset(Items(IMAGES))
    pool.annotate([0, 1], [mask(4, 5), mask(6, 3)])
    for wrong in (mask(4, 5), mask(3, 6)):
        with pytest.raises(LabelError, match=r"sample 1: .*in the shape of its input"):
            pool.relabel([1], [wrong])
    pool.relabel([1], [mask(6, 3, 2)])
    assert pool.labels_of([1]) == [mask(6, 3, 2).tolist()]


def test_class_numbers_in_arrays_and_boxes_are_those_of_the_classes():
    classes = ["ground", "cat", "dog"]
    pool = al.ActiveLearningDataset(Items(IMAGES), classes=classes, missing=255)
    pool.annotate([0], [[[2, 255, -1, 0, 0]] * 4])
    with pytest.raises(LabelError, match=r"sample 1: .* 3 classes in an array, got 3"):
        pool.annotate([1], [mask(6, 3, 3)])
    boxes = al.ActiveLearningDataset(Items(IMAGES), classes=classes)
    boxes.annotate([0], [{"boxes": [[0, 0, 1, 1], [0, 0, 2, 2]], "labels": ["dog", "cat"]}])
    assert boxes.labels_of([0])[0]["labels"] == [2, 1]
    with pytest.raises(LabelError, match="sample 1: expected one of the 3 classes"):
        boxes.annotate([1], [{"boxes": [[0, 0, 1, 1]], "labels": [3]}])
    words = al.ActiveLearningDataset(Items(WORDS), classes=["O", "NOUN"])
    words.annotate([0, 1], [["O", "NOUN", "O"], ["O", "NOUN"]])
    assert words.labels_of([0, 1]) == [[0, 1, 0], [0, 1]]
    with pytest.raises(LabelError, match=r"sample 2: expected one of the 2 classes.*'VERB'"):
        words.annotate([2], [["O", "VERB"]])


def test_boxes_come_back_as_the_tensors_that_detectors_take():
    pool = al.ActiveLearningDataset(Items(IMAGES))
    pool.annotate([0, 1], [BOXES, NOTHING])
    target = pool[0][1]
    assert target["boxes"].dtype == torch.float32
    assert target["boxes"].tolist() == BOXES["boxes"]
    assert target["labels"].dtype == torch.int64
    assert pool[1][1]["boxes"].shape == (0, 4)


def test_rows_of_no_boxes_keep_their_columns():
    pool = al.ActiveLearningDataset(Items(IMAGES))
    pool.annotate([0, 1], [[[0.0, 0, 3, 2, 1]], []])
    assert pool[1][1].shape == (0, 5)


def test_a_table_per_image_is_no_mask():
    pool = al.ActiveLearningDataset(TensorDataset(torch.zeros(4, 3, 8, 8), torch.zeros(4, 5, 2)))
    pool.annotate([0])
    pool.annotate([1, 2], [np.ones((5, 2)), np.ones((4, 2))])
    with pytest.raises(LabelError, match=r"sample 3: .*array of shape \(5, 2\)"):
        pool.annotate([3], [np.ones((5, 3))])


def test_the_places_and_the_size_of_an_input():
    picture = Image.new("RGB", (5, 4))
    for x in (torch.zeros(3, 4, 5), np.zeros((4, 5, 3)), picture, {"image": picture, "id": 3}):
        assert follows(x, (4, 5))
        assert not follows(x, (5, 4))
        assert size_of(x) == (4, 5)
    assert follows(["a", "b"], (2,))
    assert follows("a b c", (3,))
    assert follows({"input_ids": torch.zeros(7)}, (7,))
    assert not follows(None, (1,))
    assert size_of(torch.zeros(4)) is size_of("text") is None


def test_without_inputs_shapes_are_those_of_the_others():
    kinds = ["array of shape (3,)", "array of shape (2,)"]
    assert expected_kinds(kinds, kinds[0]) == [kinds[0]] * 2
    rows = ["array of shape (3, 5)", "array of shape (0,)", "array of shape (2, 4)"]
    assert expected_kinds(rows, rows[0]) == [*rows[:2], rows[0]]


def test_boxes_of_other_formats_are_left_alone():
    size = torch.tensor([[3.0, 1, 2, 1]])
    wide = tv_tensors.BoundingBoxes(size, format="XYWH", canvas_size=(4, 5))
    shares = torch.tensor([[0.5, 0.5, 0.2, 0.3]])
    for boxes in (wide, shares):
        pool = al.ActiveLearningDataset(
            Items(IMAGES, [{"boxes": boxes, "labels": torch.tensor([1])}] * 4)
        )
        pool.annotate([0])
        assert pool[0][1]["boxes"] is boxes
        pool.annotate([1], pool.labels_of([0]) if boxes is shares else [BOXES])
    with pytest.raises(LabelError, match="has no area"):
        al.ActiveLearningDataset(Items(IMAGES)).annotate([0], [{"boxes": size, "labels": [1]}])


XYWH, CXCYWH = [[1.0, 0, 2, 3]], [[2.0, 1.5, 2, 3]]  # the corners (1, 0, 3, 3)


@pytest.mark.parametrize(("form", "numbers"), [("XYWH", XYWH), ("CXCYWH", CXCYWH)])
def test_boxes_that_declare_a_format_are_stored_as_corners(form, numbers, tmp_path):
    boxes = tv_tensors.BoundingBoxes(numbers, format=form, canvas_size=(4, 5))
    label = {"boxes": boxes, "labels": torch.tensor([1])}
    for own in None, [label] * 4:
        pool = al.ActiveLearningDataset(
            Items(IMAGES, own), names=list("abcd"), ledger=tmp_path / f"{own is None}.db"
        )
        pool.annotate([0, 2], None if own else [label] * 2)
        assert pool.labels_of([0]) == [{"boxes": [[1, 0, 3, 3]], "labels": [1]}]
        pool.annotate([1], [{"boxes": [[1, 0, 3, 3]], "labels": [1]}])
        given = pool[1][1]["boxes"]  # in the format of the dataset's own, so that batches agree
        assert given.tolist() == (numbers if own else [[1, 0, 3, 3]])
        assert getattr(given, "format", None) == getattr(pool[0][1]["boxes"], "format", None)
        wide = tv_tensors.BoundingBoxes([[3.0, 1, 9, 1]], format=form, canvas_size=(4, 5))
        with pytest.raises(LabelError, match="not inside"):
            pool.relabel([1], [{"boxes": wide, "labels": [1]}])


TINY = {"boxes": [[0, 0, 1, 1]], "labels": [1]}  # of either unit
SHARES = {"boxes": [[0.5, 0.5, 0.2, 0.3]], "labels": [1]}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("first", [[], [NOTHING], [TINY, NOTHING]])
@pytest.mark.parametrize(("kind", "other"), [(BOXES, SHARES), (SHARES, BOXES)])
def test_boxes_in_pixels_and_in_shares_of_the_image_do_not_mix(kind, other, first, own):
    labels = [*first, kind, other]
    pool = al.ActiveLearningDataset(Items(IMAGES, labels if own else None))
    n = len(labels)
    for ids in range(n), range(n - 1, -1, -1):
        with pytest.raises(LabelError, match=r"with labels (in pixels|between 0 and 1) like the"):
            pool.annotate(ids, None if own else [labels[k] for k in ids])
    for k in range(n - 1):
        pool.annotate([k], None if own else [labels[k]])
    with pytest.raises(LabelError, match=f"sample {n - 1}: .* like the others"):
        pool.annotate([n - 1], None if own else [other])
    pool.relabel([0], [TINY])
    pool.relabel([0], [kind])
    with pytest.raises(LabelError, match="like the others"):
        pool.relabel([0], [other])


def test_the_classes_of_the_boxes_of_a_dataset_exist_and_may_be_names():
    owns = [["dog", "cat"], np.array(["cat", "cat"]), torch.tensor([2, 3]), ["dog", "bird"]]
    items = Items(IMAGES, [{"boxes": BOXES["boxes"], "labels": own} for own in owns])
    pool = al.ActiveLearningDataset(items, classes=["ground", "cat", "dog"])
    pool.annotate([0, 1])
    assert [pool[k][1]["labels"].tolist() for k in (0, 1)] == [[2, 1], [1, 1]]
    assert pool.labels_of([0])[0]["labels"] == [2, 1]
    for k, wrong in (2, "3"), (3, "'bird'"):
        with pytest.raises(LabelError, match=f"sample {k}: expected one of the 3 .* got {wrong}"):
            pool.annotate([k])


def test_further_parts_of_boxes_are_tensors_as_the_dataset_has_them():
    own = {"boxes": torch.ones(0, 4), "labels": torch.ones(0).long(),
           "masks": torch.zeros(0, 4, 5, dtype=torch.uint8)}  # fmt: skip
    pool = al.ActiveLearningDataset(Items(IMAGES, [own] * 4))
    more = {"masks": np.ones((2, 4, 5)).astype(int), "area": [6, 3.5], "by": "me", "file": ["a"]}
    pool.annotate([0], [BOXES | more])
    label = pool[0][1]
    assert (label["masks"].dtype, label["masks"].shape) == (torch.uint8, (2, 4, 5))
    assert (label["area"].tolist(), label["by"], label["file"]) == ([6, 3.5], "me", ["a"])
    for name in "masks", "keypoints":
        with pytest.raises(LabelError, match=rf"expected {name} for each of the 2 .*\(1, 4, 5\)"):
            pool.annotate([1], [BOXES | {name: np.ones((1, 4, 5))}])


def test_a_transform_may_not_resize_an_image_and_leave_its_boxes():
    items = Items(IMAGES, [BOXES] * 4)
    for half in (lambda x: x[..., ::2, ::2], lambda x: x[..., :-1], lambda x: {"image": x[:, :2]}):
        pool = al.ActiveLearningDataset(items, transform=half, scoring_transform=lambda x: x)
        pool.annotate([0])
        with pytest.raises(ConfigurationError, match=r"transform= changes the size .* sample 0"):
            pool[0]
        pool.view([1], labels=False)[0]
    picture = Image.new("RGB", (5, 4))
    to_tensor = torch.as_tensor(np.array(picture)).permute(2, 0, 1)
    for x, kept in [
        (picture, lambda x: to_tensor), (to_tensor.permute(1, 2, 0), lambda x: to_tensor),
        (np.asarray(picture), lambda x: to_tensor), (to_tensor, lambda x: x.float() / 255),
    ]:  # fmt: skip
        pool = al.ActiveLearningDataset(Items([x], [BOXES]), transform=kept)
        pool.annotate([0], [BOXES | {"boxes": [[0, 0, 2, 2]] * 2}])
        assert pool[0][0].shape == (3, 4, 5)
    masks = al.ActiveLearningDataset(
        Items(IMAGES, [mask(*s) for s in SIZES]), transform=lambda x: x[:, 1:]
    )
    masks.annotate([0])
    assert masks[0][0].shape == (3, 3, 5)  # the loss of a mask refuses it


class Counting(Items):
    reads = 0

    def __getitem__(self, index):
        self.reads += 1
        return super().__getitem__(index)


def test_vectors_and_numbers_are_taken_without_reading_their_inputs():
    for label, classes in (([0, 1, 1], ["a", "b", "c"]), (1, ["a", "b"]), (0.5, None)):
        data = Counting(torch.zeros(12, 3))
        pool = al.ActiveLearningDataset(data, classes=classes)
        pool.annotate([0], [label])
        before = data.reads
        pool.annotate(range(1, 11), [label] * 10)
        assert data.reads - before <= 2  # one sample shows the form of the dataset's labels
