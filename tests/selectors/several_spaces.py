"""Spaces whose rows are read, projected or computed in different ways."""

from alkit import selectors

SPACES = [
    selectors.Features("cosine"),
    selectors.Features("manhattan"),
    selectors.Features(pca=5),
    selectors.GradientEmbedding(),
    selectors.GradientSketch(32),
    selectors.Probabilities(),
    selectors.Whitened(),
]
