"""AdversarialStrategy: uncertain samples that are unlike the annotated ones."""

from __future__ import annotations

from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Criterion, HeadScore, Margin, Rank
from alkit.pool import ActiveLearningDataset
from alkit.querying import Acquisition
from alkit.querying.acquisition import ScoreFunction
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options
from alkit.training import AdversarialClassifier


class AdversarialStrategy(Strategy):
    """Queries samples that the model is uncertain of and that are unlike the annotated ones (WAAL).

    Trains the backbone to give annotated and unannotated samples the same latents, against a
    critic that separates them, and queries the largest

        uncertainty_weight * Rank(criterion) + discriminator_weight * Rank(critic)

    Source: Shui et al. 2020, "Deep active learning: unified and principled method for query and
    training", AISTATS. ``AdversarialClassifier`` states the training objective and every
    deviation; in the query, ranks replace raw values, whose scales cannot be compared.

    An epoch (``max_epochs``) is one pass over the larger of the two sets, as in the paper: with
    few annotated samples they are repeated, with few unannotated ones these are. The first fit
    that is limited by epochs logs how many steps an epoch has; ``steps_per_epoch`` sets another
    number. Steps (``max_steps``) are the same whatever an epoch is.

    Args:
        backbone, classification_head, discriminator_head: the networks, as for
            ``AdversarialClassifier``.
        train_pool: the pool.
        criterion: the uncertainty. Default: ``Margin()``.
        uncertainty_weight, discriminator_weight: weights of the two ranks in the query; both can be
            set later, without another fit. By default
            the critic decides among the most uncertain percent of the candidates: larger weights
            lost accuracy on the digits and on MNIST.
        adversarial_weight, gradient_penalty_weight, unlabeled_batch_size: arguments of
            ``AdversarialClassifier``.
        **options: the options of ``Strategy``.
    """

    def __init__(
        self,
        backbone: nn.Module,
        classification_head: nn.Module,
        discriminator_head: nn.Module,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        *,
        uncertainty_weight: float = 1.0,
        discriminator_weight: float = 0.01,
        adversarial_weight: float = 0.01,
        gradient_penalty_weight: float = 10.0,
        unlabeled_batch_size: int | None = None,
        **options: Unpack[StrategyOptions],
    ) -> None:
        training, rest = training_options(options)
        module = AdversarialClassifier(
            backbone,
            classification_head,
            discriminator_head,
            adversarial_weight=adversarial_weight,
            gradient_penalty_weight=gradient_penalty_weight,
            unlabeled_batch_size=unlabeled_batch_size,
            **training,
        )
        own = type(self).score is not Strategy.score
        self._uncertainty = self.score if own else Margin() if criterion is None else criterion
        self._weights = uncertainty_weight, discriminator_weight
        rest.setdefault("acquisition", Acquisition(self._formula()))
        super().__init__(module, train_pool, **rest)

    @property
    def uncertainty_weight(self) -> float:
        """Weight of the rank of the uncertainty in the query."""
        return self._weights[0]

    @uncertainty_weight.setter
    def uncertainty_weight(self, weight: float) -> None:
        self._weights = weight, self._weights[1]
        self.criterion = self._formula()

    @property
    def discriminator_weight(self) -> float:
        """Weight of the rank of the critic in the query."""
        return self._weights[1]

    @discriminator_weight.setter
    def discriminator_weight(self, weight: float) -> None:
        self._weights = self._weights[0], weight
        self.criterion = self._formula()

    def _formula(self) -> Criterion:
        uncertainty, critic = Rank(self._uncertainty), Rank(HeadScore("discriminator"))
        return self._weights[0] * uncertainty + self._weights[1] * critic
