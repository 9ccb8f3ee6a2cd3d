"""alkit: composable blocks for deep active learning on PyTorch and Lightning.

The names that are typed most are at the top level and are imported on first use, so that
``import alkit`` costs nothing and changes nothing outside alkit. All others are reached by their
folder: ``al.criteria.MeanStd``, ``al.selectors.BAIT``, ``al.papers.coral``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "alkit.blocks": (
        "ConvolutionalNeuralNetwork DeeplayModule Discriminator Ensemble Layer LayerList "
        "MCDropout MultiLayerPerceptron Sequential"
    ),
    "alkit.criteria": (
        "BALD Count Criterion EPIG Each Entropy ExpectedImprovement LeastConfidence Margin "
        "Minimum Rank Ratio Schedule TopShare fit_temperature"
    ),
    "alkit.diagnosis": "doctor",
    "alkit.experiment": "compare pilot replay",
    "alkit.loop": "ActiveLearningLoop Stream",
    "alkit.pool": "ActiveLearningDataset Query Regions",
    "alkit.prediction": "Prediction",
    "alkit.project": "Project",
    "alkit.querying": "Acquisition estimate_risk select",
    "alkit.reporting": "Result load",
    "alkit.selectors": (
        "Candidates Coral Features Frozen Given GradientEmbedding Inputs KCenter KMeansPlusPlus "
        "PerGroup Power Prefilter Random Selector TopK UncertaintyHerding Whitened"
    ),
    "alkit.strategies": (
        "ActiveLearner AdversarialStrategy SemiSupervisedStrategy Strategy "
        "UncertaintyStrategy UniformStrategy "
        "auto badge bald committee epig"
    ),
    "alkit.training": (
        "Adam BinaryClassifier CategoricalClassifier Classifier Estimator MultiLabelClassifier "
        "Regressor SGD Segmenter Trainer"
    ),
    "torch.utils.data": "DataLoader",
}
_FOLDERS = {
    "blocks": "alkit.blocks",
    "criteria": "alkit.criteria",
    "errors": "alkit.errors",
    "initializers": "alkit.initializers",
    "oracles": "alkit.oracles",
    "papers": "alkit.strategies.papers",
    "plots": "alkit.plots",
    "selectors": "alkit.selectors",
    "statistics": "alkit.evidence.statistics",
    "strategies": "alkit.strategies",
    "training": "alkit.training",
}
_ORIGIN = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted([*_ORIGIN, *_FOLDERS])


def __getattr__(name: str) -> Any:
    if name in _ORIGIN:
        value = getattr(import_module(_ORIGIN[name]), name)
    elif name in _FOLDERS:
        value = import_module(_FOLDERS[name])
    elif name.startswith("__"):  # asked for by inspect and the like
        raise AttributeError(f"module 'alkit' has no attribute {name!r}")
    elif find_spec(f"alkit.{name}"):  # a folder that dir() does not list
        value = import_module(f"alkit.{name}")
    else:
        raise _missing(name)
    globals()[name] = value
    return value


def _missing(name: str) -> AttributeError:
    """Error for a name that is not here, with the folder that has it, or its likely spelling."""
    from alkit.errors import MissingNameError, close, likely  # costs nothing before

    for (
        folder
    ) in "criteria selectors training papers blocks strategies oracles querying pool loop".split():
        if name in import_module(_FOLDERS.get(folder, f"alkit.{folder}")).__all__:
            return MissingNameError(f"module 'alkit' has no {name!r}: it is al.{folder}.{name}.")
    near = likely(name, __all__) if close(name, __all__) else "; dir(alkit) lists all names."
    return MissingNameError(f"module 'alkit' has no attribute {name!r}{near}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
