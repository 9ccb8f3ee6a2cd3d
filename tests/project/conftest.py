from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save():
    """A function that writes a small image of its own, whose seed is a number, and its path."""

    def save(path: Path, seed: int = 0, size: tuple[int, int] = (12, 10), **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path, **options)
        return path

    return save


@pytest.fixture
def photos(tmp_path, save) -> Path:
    """A folder with 12 images in two subfolders."""
    for seed in range(12):
        save(tmp_path / "photos" / "ab"[seed % 2] / f"{seed}.png", seed)
    return tmp_path / "photos"
