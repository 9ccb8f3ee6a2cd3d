"""Active learning loop: train, test, query and annotate, round by round; and streams."""

from alkit.loop.decider import Decider
from alkit.loop.loop import ActiveLearningLoop, RoundRecord
from alkit.loop.stream import Decisions, Stream

__all__ = ["ActiveLearningLoop", "Decider", "Decisions", "RoundRecord", "Stream"]
