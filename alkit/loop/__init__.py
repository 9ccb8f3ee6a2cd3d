"""Active learning loop: train, test, query and annotate, round by round."""

from alkit.loop.loop import ActiveLearningLoop, RoundRecord

__all__ = ["ActiveLearningLoop", "RoundRecord"]
