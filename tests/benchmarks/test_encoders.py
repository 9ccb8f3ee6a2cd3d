"""The encoders of ``linear_heads.py``, on made images and a made package."""

import json
from importlib import import_module

import numpy as np
import pytest


@pytest.fixture
def encoders(part):
    return import_module("encoders")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder like that of wordllama, with four tokens of three numbers."""
    numpy = pytest.importorskip("safetensors.numpy")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path / "wordllama"
    for name in ("weights", "tokenizers"):
        (folder / name).mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('it is read and not imported')")
    vectors = np.arange(12, dtype=np.float16).reshape(4, 3) ** 2
    numpy.save_file(
        {"embedding.weight": vectors}, folder / "weights" / "l2_supercat_256.safetensors"
    )
    words = tokenizers.models.WordLevel({"[UNK]": 0, "who": 1, "is": 2, "it": 3}, unk_token="[UNK]")
    split = tokenizers.Tokenizer(words)
    split.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    split.enable_padding()  # as the package's own
    split.save(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return vectors.astype(np.float32)


def test_a_text_is_the_mean_of_its_tokens(encoders, package):
    rows = encoders.wordllama(["who is it", "is", "", "is is who knows"])
    wanted = [package[[1, 2, 3]].mean(0), package[2], [0, 0, 0], package[[2, 2, 1, 0]].mean(0)]
    assert rows == pytest.approx(np.array(wanted))


def test_a_missing_package_and_its_remedy_are_named(encoders, monkeypatch):
    monkeypatch.setattr(encoders.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"wordllama, safetensors.*pip install.*settings patches"):
        encoders.wordllama_files()


def test_another_release_is_named(encoders, package, tmp_path):
    path = tmp_path / "wordllama" / "tokenizers" / "l2_supercat_tokenizer_config.json"
    assert json.loads(path.read_text())["version"]
    path.unlink()
    with pytest.raises(SystemExit, match=r"l2_supercat_tokenizer_config.json .*0\.4\.0"):
        encoders.wordllama_files()


def test_patches_do_not_depend_on_brightness_contrast_and_the_other_images(encoders):
    rng = np.random.default_rng(0)
    images = rng.random((60, 2 * 9 * 9), dtype=np.float32)
    space = encoders.Patches(channels=2, clusters=5).fit(images)
    rows = space.transform(images)
    assert rows.shape == (60, 20)
    assert rows.min() >= 0
    assert space.transform(images[7:8]) == pytest.approx(rows[7:8], abs=1e-5)
    assert space.transform(3 * images + 0.5) == pytest.approx(rows, abs=0.1 * float(rows.std()))
    pooled = encoders.patches(components=4, channels=2, clusters=5).fit_transform(images)
    assert pooled.shape == (60, 4)
    assert pooled.mean(0) == pytest.approx(0, abs=1e-5)


def test_counts_of_a_quadrant_are_of_its_patches(encoders):
    """Patches 6 x 6 of an image 16 x 16 start at 11 x 11 places; the first quadrant has 6 x 6."""
    rng = np.random.default_rng(1)
    images = rng.random((30, 16 * 16), dtype=np.float32)
    space = encoders.Patches(channels=1, clusters=3).fit(images)
    image = images[4].reshape(16, 16)
    found = []
    for i in range(6):
        for j in range(6):
            patch = image[i : i + 6, j : j + 6].ravel()
            patch = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-3)
            white = space.whiten_.transform(patch[None])[0]
            distance = np.linalg.norm(space.kmeans_.cluster_centers_ - white, axis=1)
            found.append(np.maximum(distance.mean() - distance, 0))
    ours = space.transform(images)[4].reshape(3, 2, 2)  # clusters, then quadrants
    assert ours[:, 0, 0] == pytest.approx(np.mean(found, 0), rel=1e-3, abs=1e-4)
