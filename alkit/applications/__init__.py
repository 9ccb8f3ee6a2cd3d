"""Applications: a network, and how it is trained, measured and used, as a LightningModule."""

from alkit.applications.application import Application, output_kind
from alkit.applications.classifiers import BinaryClassifier, CategoricalClassifier, Classifier
from alkit.applications.regressor import Regressor

__all__ = [
    "Application",
    "BinaryClassifier",
    "CategoricalClassifier",
    "Classifier",
    "Regressor",
    "output_kind",
]
