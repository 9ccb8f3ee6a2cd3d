"""Comparisons: strategies times seeds, paired, at equal gradient steps."""

from alkit.experiment.comparison import compare
from alkit.experiment.replays import ceiling, replay
from alkit.experiment.trial import Factory

__all__ = ["Factory", "ceiling", "compare", "replay"]
