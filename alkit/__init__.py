"""alkit: composable blocks for deep active learning on PyTorch and Lightning.

Everything public is at the top level and is imported when it is first used, so that
``import alkit`` costs nothing and changes nothing outside alkit.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "alkit.blocks": (
        "Add Block Cat Conv2dBlock ConvolutionalNeuralNetwork DeeplayModule Discriminator "
        "Ensemble Layer LayerList LinearBlock MCDropout MultiLayerPerceptron Sequential"
    ),
    "alkit.training.optimizers": "Adam AdamW Optimizer RMSprop SGD",
    "alkit.prediction": "Prediction",
    "alkit.pool.query": "Query",
    "alkit.criteria.temperature": "Temperature fit_temperature",
    "alkit.pool": "ActiveLearningDataset",
    "alkit.criteria": (
        "BALD Constant Criterion EPIG Energy Entropy ExpectedGradientLength ExpectedImprovement "
        "HeadScore LeastConfidence Margin Maximum MeanStd MinMax Minimum Rank Ratio Schedule "
        "Tempered Thompson UpperConfidenceBound Variance VariationRatio VoteEntropy ZScore"
    ),
    "alkit.selectors": (
        "ALFAMix BAIT Balanced BatchBALD Candidates ClusterMargin Coral DropQuery FacilityLocation "
        "FacilityLocationMutualInformation Falcun Features GradientEmbedding KCenter "
        "KMeans KMeansPlusPlus MaxHerding Mix PerClass PerGroup Picks Power Prefilter "
        "ProbCover Probabilities Random RunningTopK Selector SoftRank Softmax Space TopK TypiClust "
        "UncertaintyHerding"
    ),
    "alkit.querying": "Acquisition Auto Risk estimate_risk select",
    "alkit.diagnosis": "Diagnosis Finding doctor",
    "alkit.training": ("Application BinaryClassifier CategoricalClassifier Classifier Regressor"),
    "alkit.training.trainer": "Trainer",
    "torch.utils.data": "DataLoader",
    "alkit.training.history": "History",
    "alkit.strategies": (
        "ActiveLearner AdversarialStrategy "
        "LearningLossStrategy SemiSupervisedStrategy Strategy UncertaintyStrategy UniformStrategy "
        "auto badge bald batchbald cluster_margin committee coral coreset epig power_bald "
        "power_margin probcover typiclust uherding"
    ),
    "alkit.loop": "ActiveLearningLoop RoundRecord",
    "alkit.reporting": "Result load",
    "alkit.experiment": "ceiling compare replay",
}
_ORIGIN = {name: module for module, names in _MODULES.items() for name in names.split()}
_SUBMODULES = ["blocks", "course", "criteria", "errors", "initializers", "models"]
_SUBMODULES += ["plots", "selectors", "strategies", "testing"]

__all__ = sorted([*_ORIGIN, *_SUBMODULES])


def __getattr__(name: str) -> Any:
    if name in _ORIGIN:
        value = getattr(import_module(_ORIGIN[name]), name)
    elif name in _SUBMODULES:
        value = import_module(f"alkit.{name}")
    else:
        raise AttributeError(f"module 'alkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
