"""Comparisons: strategies times seeds, paired, at equal gradient steps."""

from alkit.experiment.comparing import compare
from alkit.experiment.loading import load
from alkit.experiment.replaying import ceiling, replay
from alkit.experiment.trial import Factory

__all__ = ["Factory", "ceiling", "compare", "load", "replay"]
