"""Applications: a network, and how it is trained, measured and used, as a LightningModule."""

from alkit.training.application import Application, output_kind
from alkit.training.classifiers import BinaryClassifier, CategoricalClassifier, Classifier
from alkit.training.regressor import Regressor

__all__ = [
    "Application",
    "BinaryClassifier",
    "CategoricalClassifier",
    "Classifier",
    "Regressor",
    "output_kind",
]
