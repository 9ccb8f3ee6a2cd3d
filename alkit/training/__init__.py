"""Trainings: a network with its loss, optimizer and metrics, as a LightningModule."""

from alkit.training.adversarial import AdversarialClassifier
from alkit.training.application import Application
from alkit.training.classifiers import BinaryClassifier, CategoricalClassifier, Classifier
from alkit.training.committee import Committee
from alkit.training.consistency import FixMatchClassifier
from alkit.training.estimator import Estimator
from alkit.training.history import History
from alkit.training.loss_prediction import LossPredictionClassifier
from alkit.training.losses import output_kind
from alkit.training.multilabel import MultiLabelClassifier
from alkit.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from alkit.training.regressor import Regressor
from alkit.training.segmenter import Segmenter
from alkit.training.trainer import Trainer

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AdversarialClassifier",
    "Application",
    "BinaryClassifier",
    "CategoricalClassifier",
    "Classifier",
    "Committee",
    "Estimator",
    "FixMatchClassifier",
    "History",
    "LossPredictionClassifier",
    "MultiLabelClassifier",
    "Optimizer",
    "RMSprop",
    "Regressor",
    "Segmenter",
    "Trainer",
    "output_kind",
]
