"""Encoders for ``linear_heads.py`` that are available offline, and never see a label.

``wordllama`` (MIT) has 256 numbers for each of 32,000 tokens, trained on pairs of texts; the
features of a text are their mean. Its own ``load()`` needs the network, so the two files of the
package are read directly. Images are encoded by clusters of their patches.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, unfold

SIDE = 6  # pixels of a patch
INSTALL = "pip install --no-deps wordllama==0.4.0.post1, and pip install safetensors tokenizers"
FILES = ("weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json")


def wordllama_files() -> tuple[Path, Path]:
    """Weights and tokenizer of the installed package.

    Raises:
        SystemExit: the package, or one that reads its files, is missing.
    """
    names = ("wordllama", "safetensors", "tokenizers")
    specs = [importlib.util.find_spec(name) for name in names]
    missing = [name for name, spec in zip(names, specs, strict=True) if spec is None]
    if missing or specs[0] is None or not specs[0].submodule_search_locations:
        raise SystemExit(
            f"{', '.join(missing) or 'wordllama'} is missing, which encodes texts: {INSTALL}; or "
            "leave the texts out, --settings patches."
        )
    weights, tokenizer = (Path(specs[0].submodule_search_locations[0]) / name for name in FILES)
    for path in (weights, tokenizer):
        if not path.exists():
            raise SystemExit(f"{path} does not exist, this is another release: {INSTALL}.")
    return weights, tokenizer


def wordllama(texts: Sequence[str]) -> np.ndarray:
    """Mean vector of the tokens of each text ``(N, 256)``; a text without tokens has zeros."""
    weights, tokenizer = wordllama_files()
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    (vectors,) = load_file(weights).values()
    split = Tokenizer.from_file(str(tokenizer))
    split.no_padding()
    split.no_truncation()
    rows = np.zeros((len(texts), vectors.shape[1]), np.float32)
    for row, text in zip(rows, split.encode_batch([*map(str, texts)], add_special_tokens=False)):
        if text.ids:
            row[:] = vectors[text.ids].astype(np.float32).mean(0)
    return rows


class Patches(TransformerMixin, BaseEstimator):
    """Square images ``(N, V)`` as soft counts, per quadrant, of clusters of their patches.

    Coates, Lee and Ng 2011, "An analysis of single-layer networks in unsupervised feature
    learning": patches of mean 0 and variance 1 are whitened and clustered by k-means; a patch
    counts for the clusters that are nearer to it than the mean cluster. 256 clusters of 6 x 6
    patches, where the paper has 4,000. Cost: 2.5 s of CPU for 1,000 images of 32 x 32 pixels.

    Args:
        channels: number of channels, which are the first axis of an image before it is flattened.
        clusters: number of clusters.
    """

    def __init__(self, channels: int = 3, clusters: int = 256) -> None:
        self.channels = channels
        self.clusters = clusters

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Cluster some patches of the first 1,000 images."""
        patches = self.patches(torch.as_tensor(X)[:1000])
        some = patches[:, :: max(1, patches.shape[1] // 49)].flatten(0, 1).numpy()
        self.whiten_ = PCA(0.99, whiten=True, random_state=0).fit(some)
        self.kmeans_ = MiniBatchKMeans(self.clusters, random_state=0)
        self.kmeans_.fit(self.whiten_.transform(some))
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Soft counts ``(N, 4 * clusters)``."""
        return torch.cat([self.counts(part) for part in torch.as_tensor(X).split(100)]).numpy()

    def patches(self, rows: Tensor) -> Tensor:
        """Patches ``(N, P, V)`` of mean 0 and variance 1."""
        side = round((rows.shape[1] / self.channels) ** 0.5)
        parts = unfold(rows.view(-1, self.channels, side, side), SIDE).transpose(1, 2)
        parts = parts - parts.mean(2, keepdim=True)
        return parts / (parts.var(2, keepdim=True) + 1e-3).sqrt()

    def counts(self, rows: Tensor) -> Tensor:
        parts = self.patches(rows)
        whitened = self.whiten_.transform(parts.flatten(0, 1).numpy())
        distance = torch.from_numpy(self.kmeans_.transform(whitened)).view(*parts.shape[:2], -1)
        near = (distance.mean(2, keepdim=True) - distance).relu().transpose(1, 2)
        side = round(near.shape[2] ** 0.5)
        return adaptive_avg_pool2d(near.unflatten(2, (side, side)), 2).flatten(1)


def patches(components: int = 100, channels: int = 3, clusters: int = 256) -> Pipeline:
    """Principal components of the standardized soft counts of an image, of values in [0, 1]."""
    pca = PCA(components, random_state=0)
    return make_pipeline(Patches(channels, clusters), StandardScaler(), pca)
