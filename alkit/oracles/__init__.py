"""Oracles: functions from dataset indices to labels, which answer the queries of a strategy.

``query_and_update(n, oracle)`` and ``ActiveLearningLoop(oracle=)`` take any such function; these
simulate people, ask one, or combine several. An answer of None leaves the sample unannotated. The
same sample asked again gets the same answer.
"""

from alkit.oracles.abstaining import Abstaining
from alkit.oracles.agreement import Consensus, dawid_skene, krippendorff_alpha, majority
from alkit.oracles.ask import Ask
from alkit.oracles.committee import Committee
from alkit.oracles.costly import Costly
from alkit.oracles.model import Model
from alkit.oracles.noisy import Noisy
from alkit.oracles.reveal import Reveal
from alkit.oracles.votes import Votes, settle

__all__ = [
    "Abstaining",
    "Ask",
    "Committee",
    "Consensus",
    "Costly",
    "Model",
    "Noisy",
    "Reveal",
    "Votes",
    "dawid_skene",
    "krippendorff_alpha",
    "majority",
    "settle",
]
