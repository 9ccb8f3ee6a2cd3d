"""Plots of records and pools, with matplotlib; each function returns the Axes it drew on."""

from alkit.plots.classes import queried_classes
from alkit.plots.curves import learning_curves, title
from alkit.plots.gallery import gallery
from alkit.plots.labels import labels_needed
from alkit.plots.maps import embedding_map, pool_map
from alkit.plots.penalties import penalty_matrix
from alkit.plots.regions import Regions, animate_regions, decision_regions, regions
from alkit.plots.style import COLORS, save

__all__ = [
    "COLORS",
    "Regions",
    "animate_regions",
    "decision_regions",
    "embedding_map",
    "gallery",
    "labels_needed",
    "learning_curves",
    "penalty_matrix",
    "pool_map",
    "queried_classes",
    "regions",
    "save",
    "title",
]
