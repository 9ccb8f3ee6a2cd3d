import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from alkit.errors import (
    ConfigurationError,
    FeaturesError,
    FolderError,
    ModelOutputError,
    ProjectError,
)
from alkit.lock import locked
from alkit.project.catalog import Catalog
from alkit.project.features import Features, compute
from alkit.project.samples import Embeddings, Images, Items, Source, Texts


def features(source: Source, folder: Path, wanted=None, **options) -> Features:
    catalog, _ = Catalog().scan(source, progress=False)
    return compute(source, catalog, folder, wanted, progress=False, **options)


class Reads(Images):
    """Images that note which of them are read."""

    def __init__(self, folder):
        super().__init__(folder)
        self.reads: list[str] = []

    def image(self, name, side=None):
        self.reads.append(name)
        return super().image(name, side)


# --- pixels -------------------------------------------------------------------------------------


def test_pixels_are_principal_components_of_one_length(photos, tmp_path):
    source = Images(photos)
    found = features(source, tmp_path)
    assert found.names == list(source.names)
    assert found.name == "pixels"
    assert found.rows.dtype == np.float32
    small = [np.asarray(source.image(name).resize((32, 32), 2)).ravel() for name in source.names]
    reference = PCA(11).fit_transform(np.stack(small).astype(float))
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    assert found.rows.shape == (12, 11)
    np.testing.assert_allclose(np.linalg.norm(found.rows, axis=1), 3, rtol=1e-5)
    np.testing.assert_allclose(found.rows @ found.rows.T / 9, reference @ reference.T, atol=1e-3)


def test_a_second_opening_reads_no_image(photos, tmp_path):
    first = features(Reads(photos), tmp_path)
    again = Reads(photos)
    second = features(again, tmp_path)
    assert again.reads == []
    assert second.key == first.key
    np.testing.assert_array_equal(second.rows, first.rows)


def test_new_images_are_the_only_ones_that_are_read(photos, tmp_path, save):
    first = features(Reads(photos), tmp_path)
    save(photos / "new.png", 50)
    source = Reads(photos)
    second = features(source, tmp_path)
    assert source.reads == ["new.png"]
    assert second.key != first.key
    assert second.rows.shape == (13, 12)


def test_a_renamed_image_keeps_its_features(photos, tmp_path):
    first = features(Images(photos), tmp_path)
    os.rename(photos / "a" / "0.png", photos / "z.png")
    source = Reads(photos)
    second = features(source, tmp_path)
    assert source.reads == []
    assert second.key == first.key
    for name in second.names:
        before = first.names.index("a/0.png" if name == "z.png" else name)
        np.testing.assert_array_equal(second.rows[second.names.index(name)], first.rows[before])


def test_features_depend_on_the_contents_alone(photos, tmp_path, save):
    features(Images(photos), tmp_path / "one")
    save(photos / "new.png", 50)
    grown = features(Images(photos), tmp_path / "one")
    fresh = features(Images(photos), tmp_path / "two")
    np.testing.assert_array_equal(grown.rows, fresh.rows)
    assert grown.key == fresh.key


def test_a_copy_changes_no_features(photos, tmp_path):
    first = features(Images(photos), tmp_path)
    (photos / "z.png").write_bytes((photos / "a" / "0.png").read_bytes())
    second = features(Images(photos), tmp_path)
    assert second.key == first.key
    np.testing.assert_allclose(second.rows[:12], first.rows, atol=1e-5)
    np.testing.assert_array_equal(second.rows[12], second.rows[0])


def test_a_broken_image_is_named_and_left_out(photos, tmp_path):
    (photos / "a" / "2.png").write_bytes(b"\x89PNG broken")
    source = Images(photos)
    catalog, _ = Catalog().scan(source, progress=False)
    found = compute(source, catalog, tmp_path, progress=False)
    assert list(found.problems) == ["a/2.png"]
    assert "a/2.png" not in found.names
    assert len(found.names) == len(found.rows) == 11
    catalog = catalog.with_problems(found.problems)
    again = compute(source, catalog, tmp_path, progress=False)
    assert again.problems == {}
    np.testing.assert_array_equal(again.rows, found.rows)


def test_images_of_which_none_can_be_read_are_an_error(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    with pytest.raises(ProjectError, match=r"none of the 2 samples can be read; 'a\.png'"):
        features(Images(tmp_path), tmp_path / "project")


@pytest.mark.parametrize("count", [1, 2])
def test_few_images_and_images_that_are_all_the_same_have_features(tmp_path, save, count):
    for number in range(count):
        save(tmp_path / f"{number}.png", 0)
    found = features(Images(tmp_path), tmp_path / "project")
    assert found.rows.shape == (count, 1)
    assert np.isfinite(found.rows).all()


def test_the_note_says_that_a_network_would_choose_better(photos, tmp_path):
    assert 'features="resnet18"' in features(Images(photos), tmp_path).note
    assert features(Images(photos), tmp_path, nn.Flatten()).note == ""


# --- texts and vectors ----------------------------------------------------------------------------

WORDS = product(("cat", "dog", "cow"), ("sees", "eats"), ("fish", "bone", "tree", "house"))
SENTENCES = [f"the {animal} {verb} a {thing}" for animal, verb, thing in WORDS]


@pytest.fixture
def sentences(tmp_path):
    (tmp_path / "t.txt").write_text("\n".join(SENTENCES))
    return Texts(tmp_path / "t.txt")


def test_texts_have_components_of_tfidf(sentences, tmp_path):
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = features(sentences, tmp_path)
    assert found.name == "tfidf"
    counts = TfidfVectorizer().fit_transform(SENTENCES)
    cosine = (counts @ counts.T).toarray()
    ours = found.rows @ found.rows.T / 9
    assert np.corrcoef(cosine.ravel(), ours.ravel())[0, 1] > 0.99
    np.testing.assert_array_equal(features(sentences, tmp_path).rows, found.rows)


@pytest.mark.parametrize(
    "lines", [["你好世界", "世界很大", "我爱你"], ["a", "b", "c d"], ["!", "?"]]
)
def test_texts_without_words_have_features_too(tmp_path, lines):
    (tmp_path / "t.txt").write_text("\n".join(lines), encoding="utf-8")
    found = features(Texts(tmp_path / "t.txt"), tmp_path)
    assert np.isfinite(found.rows).all()
    assert len(np.unique(found.rows, axis=0)) == len(lines)


def test_embeddings_are_features_as_they_are(tmp_path):
    array = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    np.save(tmp_path / "e.npy", array)
    found = features(Embeddings(tmp_path / "e.npy"), tmp_path)
    assert isinstance(found.rows, np.memmap)
    np.testing.assert_array_equal(found.rows, array)
    np.save(tmp_path / "e.npy", array.astype(np.float16))
    found = features(Embeddings(tmp_path / "e.npy"), tmp_path)
    assert found.rows.dtype == np.float32
    np.testing.assert_array_equal(found.rows, array.astype(np.float16))


def test_a_row_that_is_not_finite_is_left_out(tmp_path):
    np.save(tmp_path / "e.npy", np.array([[1, 2], [np.nan, 0], [3, 4]], np.float32))
    source = Embeddings(tmp_path / "e.npy")
    catalog, _ = Catalog().scan(source, progress=False)
    assert catalog.problems == {"1": "it cannot be read: its row has NaN or infinity."}
    assert features(source, tmp_path).names == ["0", "2"]


# --- networks -------------------------------------------------------------------------------------


class Net(nn.Module):
    """Channel means, times a weight; counts its samples and notes its mode."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.seen, self.modes = 0, set()

    def forward(self, x):
        self.seen += len(x)
        self.modes.add(self.training)
        return self.weight * x.mean(dim=(2, 3))


def test_a_module_gets_images_as_torchvision_prepares_them_and_stays_as_it_was(photos, tmp_path):
    from torchvision.models import ResNet18_Weights

    net, source = Net().train(), Images(photos)
    found = features(source, tmp_path, net)
    prepare = ResNet18_Weights.DEFAULT.transforms()
    reference = [2 * prepare(source.read(name)).mean(dim=(1, 2)) for name in source.names]
    np.testing.assert_allclose(found.rows, torch.stack(reference).detach(), rtol=1e-4, atol=1e-5)
    assert net.training
    assert net.modes == {False}
    assert found.name == "Net"


def test_a_new_image_costs_one_forward_pass_of_itself(photos, tmp_path, save):
    net = Net()
    first = features(Images(photos), tmp_path, net)
    assert net.seen == 12
    save(photos / "new.png", 70)
    second = features(Images(photos), tmp_path, net)
    assert net.seen == 13
    assert second.key == first.key
    np.testing.assert_array_equal(second.rows[:12], first.rows)


def test_other_weights_or_another_transform_are_other_features(photos, tmp_path):
    net = Net()
    keys = [features(Images(photos), tmp_path, net).key]
    net.weight.data.fill_(3)
    keys.append(features(Images(photos), tmp_path, net).key)
    for transform in (
        lambda x: torch.full((3, 2, 2), float(np.asarray(x).mean())),
        lambda x: torch.full((3, 2, 2), float(np.asarray(x).max())),
    ):
        keys.append(features(Images(photos), tmp_path, net, transform=transform).key)
    assert len(set(keys)) == 4


NOT_FINITE = nn.Sequential(nn.Linear(3, 2), nn.Threshold(1e9, float("nan")))
WRONG_NETS = {
    "maps": (nn.Conv2d(3, 2, 3), r"return \(12, D\) for 12 samples.*nn\.Flatten"),
    "not finite": (NOT_FINITE, "NaN"),
    "a dict": (type("D", (nn.Module,), {"forward": lambda self, x: {"x": x}})(), "got a dict"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_NETS)
def test_a_module_that_does_not_return_vectors_is_refused(photos, tmp_path, case):
    net, words = WRONG_NETS[case]
    with pytest.raises(ModelOutputError, match=words):
        features(
            Images(photos),
            tmp_path,
            net,
            transform=lambda x: torch.zeros(3, 8, 8) if case == "maps" else torch.zeros(3),
        )


def shrunk(x):
    return torch.as_tensor(np.asarray(x.convert("RGB").resize((4, 4)))).float().permute(2, 0, 1)


def test_a_saved_network_is_a_module(photos, tmp_path):
    x = torch.zeros(2, 3, 224, 224)
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout()).eval()
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "net.pt2")
    source = Images(photos)
    expected = features(source, tmp_path / "a", net)
    found = features(source, tmp_path / "b", tmp_path / "net.pt2")
    np.testing.assert_allclose(found.rows, expected.rows, atol=1e-5)
    assert features(source, tmp_path / "b", str(tmp_path / "net.pt2")).key == found.key
    torch.save(net.state_dict(), tmp_path / "net.pt2")
    with pytest.raises(FeaturesError, match="weights alone"):
        features(source, tmp_path / "b", tmp_path / "net.pt2")
    with pytest.raises(FeaturesError, match=r"no\.pt cannot be read"):
        features(source, tmp_path / "b", tmp_path / "no.pt")


def test_a_network_that_cannot_tell_samples_apart_is_refused(photos, tmp_path):
    constant = nn.Sequential(nn.Flatten(), nn.Threshold(1e9, 1.0))
    with pytest.raises(FeaturesError, match=r"the same for all 12 samples.*pass others"):
        features(Images(photos), tmp_path, constant, transform=shrunk)
    with pytest.raises(FeaturesError, match=r"Linear does not take the samples.*\(12, 3, 4, 4\)"):
        features(Images(photos), tmp_path, nn.Linear(7, 2), transform=shrunk)


def test_modules_take_texts_vectors_and_items(sentences, tmp_path):
    class Lengths(nn.Module):
        def forward(self, texts):
            return torch.tensor([[float(len(text))] for text in texts])

    found = features(sentences, tmp_path, Lengths())
    assert found.rows[:, 0].tolist() == list(map(len, SENTENCES))
    np.save(tmp_path / "e.npy", np.eye(4, dtype=np.float32))
    found = features(Embeddings(tmp_path / "e.npy"), tmp_path, nn.Linear(4, 2))
    assert found.rows.shape == (4, 2)
    images = torch.rand(5, 1, 6, 6)
    found = features(Items(torch.utils.data.TensorDataset(images)), tmp_path, nn.Flatten())
    np.testing.assert_array_equal(found.rows, images.flatten(1))


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def table(photos, tmp_path):
    """A .npy file with a row for each image, in the reverse order of their names, but one."""
    names = sorted(Images(photos).names, reverse=True)[:-1]
    array = np.arange(22, dtype=np.float32).reshape(11, 2)
    np.save(tmp_path / "e.npy", array)
    (tmp_path / "e.txt").write_text("\n".join(names))
    return dict(zip(names, array))


def test_rows_of_a_file_are_found_by_name(photos, tmp_path, table):
    found = features(Images(photos), tmp_path / "project", tmp_path / "e.npy")
    assert found.missing == ["a/0.png"]
    assert found.names == sorted(table)
    np.testing.assert_array_equal(found.rows, np.stack([table[name] for name in found.names]))


def test_rows_of_a_file_are_numbers_that_tell_samples_apart(photos, tmp_path, table):
    rows = np.load(tmp_path / "e.npy")
    rows[3, 1] = np.nan
    np.save(tmp_path / "e.npy", rows)
    name = [*table][3]
    with pytest.raises(FeaturesError, match=rf"'e\.npy' are NaN or infinite for '{name}'"):
        features(Images(photos), tmp_path / "project", tmp_path / "e.npy")
    np.save(tmp_path / "e.npy", np.ones_like(rows))
    with pytest.raises(FeaturesError, match=r"'e\.npy' are the same for all 11 samples"):
        features(Images(photos), tmp_path / "project", tmp_path / "e.npy")


def test_a_file_that_was_written_again_is_read_again(photos, tmp_path, table):
    first = features(Images(photos), tmp_path / "project", tmp_path / "e.npy")
    np.save(tmp_path / "e.npy", np.eye(11)[:, :5])
    second = features(Images(photos), tmp_path / "project", tmp_path / "e.npy")
    assert first.key != second.key
    assert second.rows.shape == (11, 5)
    assert first.rows[0].tolist() == table["a/10.png"].tolist()  # still that of its file


def test_a_row_is_never_that_of_another_content(photos, tmp_path, table):
    def found():
        return features(Images(photos), tmp_path / "project", tmp_path / "e.npy")

    assert found().missing == ["a/0.png"]
    one, other = sorted(table)[:2]
    for old, new in ((one, "spare.png"), (other, one), ("spare.png", other)):
        (photos / old).rename(photos / new)  # they exchange their names
    for _ in range(2):
        left = found()
        assert left.missing == ["a/0.png", one, other]
        np.testing.assert_array_equal(left.rows, np.stack([table[name] for name in left.names]))
    np.save(tmp_path / "e.npy", np.eye(11)[:, :5])  # rows of today's contents
    assert found().missing == ["a/0.png"]


def test_rows_without_names_are_refused(photos, tmp_path, table):
    (tmp_path / "e.txt").rename(tmp_path / "other.txt")
    with pytest.raises(ProjectError, match=r"write one name per line to .*e\.txt"):
        features(Images(photos), tmp_path, tmp_path / "e.npy")
    names = tmp_path / "other.txt"
    assert features(Images(photos), tmp_path, tmp_path / "e.npy", names=names).names
    names.write_text("\n".join(map(str, range(11))))
    with pytest.raises(ProjectError, match=r"no row for any of the samples, such as 'a/0\.png'"):
        features(Images(photos), tmp_path, tmp_path / "e.npy", names=names)


# --- errors and interruptions ---------------------------------------------------------------------


def test_features_of_another_kind_of_samples_are_refused(photos, sentences, tmp_path):
    with pytest.raises(ProjectError, match=r"'tfidf' are made of texts.*use 'pixels'"):
        features(Images(photos), tmp_path, "tfidf")
    with pytest.raises(ProjectError, match=r"'pixels' are made of images.*use 'tfidf'"):
        features(sentences, tmp_path, "pixels")
    with pytest.raises(ProjectError, match="'resnet18' are made of images"):
        features(sentences, tmp_path, "resnet18")
    with pytest.raises(ProjectError, match="pass a network as features="):
        features(Items([{"a": 1}, {"a": 2}], render=str), tmp_path)


def test_a_misspelled_name_is_reported(photos, tmp_path):
    with pytest.raises(ProjectError, match="Did you mean 'pixels'"):
        features(Images(photos), tmp_path, "pixel")
    with pytest.raises(ConfigurationError, match="transform="):
        features(Images(photos), tmp_path, "pixels", transform=str)


def test_a_folder_in_use_is_waited_for(photos, tmp_path):
    stack = ExitStack()
    stack.enter_context(locked(tmp_path / "features"))
    Timer(0.3, stack.close).start()
    assert features(Images(photos), tmp_path).names


def test_a_folder_that_stays_in_use_is_reported(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("alkit.project.features.features.PATIENCE", 0.1)
    source = Images(photos)
    with locked(tmp_path / "features"), pytest.raises(FolderError, match="another run is using"):
        features(source, tmp_path)


SLOW = """
import sys, time
from pathlib import Path
from threading import Timer
import torch
from alkit.project.catalog import Catalog
from alkit.features import networks
from alkit.project.features import compute
from alkit.project.samples import Images

networks.CHUNK = 1

class Means:
    def __call__(self, image):
        time.sleep(0.05)
        print("one", flush=True)
        return torch.tensor([float(sum(image.getpixel((0, 0))))])

    __repr__ = lambda self: "Means()"

source = Images(sys.argv[1])
catalog, _ = Catalog().scan(source, progress=False)
compute(source, catalog, Path(sys.argv[2]), torch.nn.Flatten(), transform=Means(), progress=False)
"""


def test_a_process_that_is_killed_continues_where_it_was(photos, tmp_path):
    class Means:
        calls = 0

        def __call__(self, image):
            self.calls += 1
            return torch.tensor([float(sum(image.getpixel((0, 0))))])

        def __repr__(self):
            return "Means()"

    command = [sys.executable, "-c", SLOW, str(photos), str(tmp_path)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(7):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    means, source = Means(), Images(photos)
    found = features(source, tmp_path, nn.Flatten(), transform=means)
    assert 5 <= means.calls < 12  # one is read ahead
    pixels = [sum(source.read(name).getpixel((0, 0))) for name in source.names]
    assert found.rows[:, 0].tolist() == pixels
