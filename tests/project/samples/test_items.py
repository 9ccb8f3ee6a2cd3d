import io
import random
import time
import wave
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from alkit.errors import ConfigurationError, ProjectError, UnreadableSampleError
from alkit.project.samples import Items

IMAGES = torch.rand(5, 3, 8, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [
        (TensorDataset(IMAGES, torch.arange(5)), "image"),
        ([Image.new("RGB", (4, 4))] * 3, "image"),
        (["a", "b"], "text"),
        ([("a", 1), ("b", 0)], "text"),
    ],
)
def test_the_kind_is_that_of_the_first_input(dataset, kind):
    assert Items(dataset).kind == kind


def test_vectors_and_other_items_need_render():
    for dataset in (TensorDataset(torch.zeros(4, 3)), [{"a": 1}, {"a": 2}]):
        with pytest.raises(ProjectError, match="pass render="):
            Items(dataset)
    assert Items(TensorDataset(torch.zeros(4, 3)), render=str).kind == "vector"


def test_items_are_read_by_index_or_name():
    source = Items(TensorDataset(IMAGES, torch.arange(5)), names=list("vwxyz"))
    torch.testing.assert_close(source.read("x"), IMAGES[2])
    assert list(Items(TensorDataset(IMAGES)).names) == ["0", "1", "2", "3", "4"]
    with pytest.raises(ConfigurationError, match="several samples have the name 'a'"):
        Items(["t", "u"], names=["a", "a"])


def sound(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(range(200)))
    return path


def test_an_item_is_shown_as_render_returns_it(tmp_path, save):
    path = sound(tmp_path / "beep.wav")
    results = {
        "image": (Image.new("L", (4, 4)), "image/png"),
        "array": (np.zeros((4, 4, 3), np.uint8), "image/png"),
        "tensor": (IMAGES[0], "image/png"),
        "text": ("<b>", "text/plain; charset=utf-8"),
        "sound": (path, "audio/x-wav"),
        "sound as text": (str(path), "audio/x-wav"),
        "missing sound": ("gone.wav", "text/plain; charset=utf-8"),
        "file": (save(tmp_path / "a.png"), "image/png"),
    }
    source = Items(list(results), render=lambda key: results[key][0])
    for name, (_, media) in zip(source.names, results.values()):
        assert source.shown(name).type == media, name
    assert source.shown("4").content == path.read_bytes()
    assert Image.open(io.BytesIO(source.shown("2").content)).size == (6, 8)


def test_render_that_fails_or_returns_something_else_is_reported():
    for render, words in ((lambda x: 1 / 0, "division by zero"), (lambda x: 7, "got 7")):
        with pytest.raises(UnreadableSampleError, match=words):
            Items(["a", "b"], render=render).shown("0")


def test_an_item_that_cannot_be_read_is_a_problem_of_its_own():
    class Broken(list):
        def __getitem__(self, index):
            if index == 1:
                raise KeyError("gone")
            return super().__getitem__(index)

    source = Items(Broken("abcdefghijklmnopqrstuvwxyz" * 2))
    with pytest.raises(UnreadableSampleError, match="gone"):
        source.read("1")
    with pytest.raises(OSError, match="gone"):
        source.hash("1")


def test_hashes_are_of_the_content_and_leave_random_generators_alone():
    class Draws(list):
        def __getitem__(self, index):
            return torch.rand(3, 8, 8) + random.random() + index

    first, again = Items(Draws([0] * 40)), Items(Draws([0] * 40))
    state, numbers = torch.get_rng_state(), random.getstate()
    assert [first.hash(name) for name in first.names] == [again.hash(name) for name in again.names]
    assert len({first.hash(name) for name in first.names}) == 40
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == numbers
    assert first.stamp("0") == again.stamp("0")
    assert first.stamp("0") != Items(Draws([0] * 41)).stamp("0")


def test_inputs_that_differ_at_each_read_have_the_hashes_of_their_names():
    draws = np.random.default_rng()

    class Draws(list):
        def __getitem__(self, index):
            return draws.random((3, 8, 8))

    source = Items(Draws([0] * 40))
    assert len({source.hash(name) for name in source.names}) == 40
    assert source.hash("3") == source.hash("3")


def test_a_dataset_is_read_by_one_thread_at_a_time():
    class Alone(list):
        inside = most = 0

        def __getitem__(self, index):
            self.inside += 1
            self.most = max(self.most, self.inside)
            time.sleep(0.001)
            self.inside -= 1
            return f"text {index}"

    dataset = Alone([0] * 50)
    source = Items(dataset)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(source.read, source.names))
        list(threads.map(source.hash, source.names))
        list(threads.map(source.shown, source.names))
    assert dataset.most == 1


def test_inputs_of_an_unknown_kind_are_told_apart_by_their_names():
    source = Items([object() for _ in range(20)], render=str)
    assert len({source.hash(name) for name in source.names}) == 20
