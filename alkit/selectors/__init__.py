"""Selectors: pick a batch of n candidates, as positions, most wanted first."""

from __future__ import annotations

from alkit.selectors.activeft import ActiveFT
from alkit.selectors.alfamix import ALFAMix
from alkit.selectors.bait import BAIT
from alkit.selectors.batchbald import BatchBALD
from alkit.selectors.candidates import Candidates, Picks
from alkit.selectors.clustermargin import ClusterMargin
from alkit.selectors.coral import Coral
from alkit.selectors.dcom import Dcom
from alkit.selectors.dropquery import DropQuery
from alkit.selectors.expectederror import ExpectedErrorReduction
from alkit.selectors.facility import FacilityLocation, FacilityLocationMutualInformation
from alkit.selectors.falcun import Falcun
from alkit.selectors.fixed import Fixed, Frozen, Inputs
from alkit.selectors.fixed_rows import FixedRows
from alkit.selectors.function import as_selector
from alkit.selectors.geometry.points import Points
from alkit.selectors.given import Given
from alkit.selectors.greedy import GreedySampling
from alkit.selectors.herding import MaxHerding, UncertaintyHerding
from alkit.selectors.kcenter import KCenter
from alkit.selectors.kmeans import KMeans
from alkit.selectors.kmeanspp import KMeansPlusPlus
from alkit.selectors.lcmd import LCMD
from alkit.selectors.mix import Mix
from alkit.selectors.prefilter import Prefilter
from alkit.selectors.probcover import ProbCover
from alkit.selectors.quotas import Balanced, PerClass, PerGroup
from alkit.selectors.random import Random
from alkit.selectors.refine import Refine
from alkit.selectors.selector import Selector
from alkit.selectors.sketches import GradientSketch
from alkit.selectors.spaces import Features, GradientEmbedding, Probabilities, Space
from alkit.selectors.stochastic import Power, Softmax, SoftRank
from alkit.selectors.topk import RunningTopK, TopK
from alkit.selectors.typiclust import TypiClust
from alkit.selectors.whitened import Whitened

__all__ = [
    "BAIT",
    "LCMD",
    "ALFAMix",
    "ActiveFT",
    "Balanced",
    "BatchBALD",
    "Candidates",
    "ClusterMargin",
    "Coral",
    "Dcom",
    "DropQuery",
    "ExpectedErrorReduction",
    "FacilityLocation",
    "FacilityLocationMutualInformation",
    "Falcun",
    "Features",
    "Fixed",
    "FixedRows",
    "Frozen",
    "Given",
    "GradientEmbedding",
    "GradientSketch",
    "GreedySampling",
    "Inputs",
    "KCenter",
    "KMeans",
    "KMeansPlusPlus",
    "MaxHerding",
    "Mix",
    "PerClass",
    "PerGroup",
    "Picks",
    "Points",
    "Power",
    "Prefilter",
    "ProbCover",
    "Probabilities",
    "Random",
    "Refine",
    "RunningTopK",
    "Selector",
    "SoftRank",
    "Softmax",
    "Space",
    "TopK",
    "TypiClust",
    "UncertaintyHerding",
    "Whitened",
    "as_selector",
]
