"""Comparisons of strategies: paired trials over seeds, with equal numbers of gradient steps."""

from alkit.experiment.comparison import compare
from alkit.experiment.pilots import Pilot, pilot
from alkit.experiment.replays import ceiling, replay
from alkit.experiment.trial import Factory

__all__ = ["Factory", "Pilot", "ceiling", "compare", "pilot", "replay"]
