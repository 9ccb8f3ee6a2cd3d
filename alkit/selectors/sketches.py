"""Sketches of gradients in the parameters of a part of the model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError, PredictionError
from alkit.eval_mode import evaluating
from alkit.prediction import Prediction
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.spaces import Factors, Space, as_float, as_matrix
from alkit.storage import DEFAULT

VALUES = 2**22  # values of gradients that are held at a time


class GradientSketch(Space):
    """Gradient of the model's outputs in all parameters of its head, projected at random.

    Samples are close if a training step on one changes the output of the other: the distance of the
    finite-width neural tangent kernel (Holzmueller, Zaverkin, Kaestner & Steinwart 2023, "A
    framework and benchmark for deep batch active learning for regression"). The head is what
    follows the features. A model ``nn.Sequential(nn.Identity(), net)`` has the inputs as features,
    if they are vectors, and all of ``net`` as head. For images, name the first part of the model as
    features and the rest as head. Frozen parameters are left out.

    Each parameter goes to one of ``size`` sums with a random sign (count sketch: Charikar, Chen &
    Farach-Colton 2002), so an inner product of two gradients is kept on average, with a standard
    deviation of at most ``|a| |b| sqrt(2 / size)``. The paper uses Gaussian projections.

    Cost: O(N P C) for P parameters of the head and C outputs, about that of a training step on each
    sample alone. Memory: O(N size + P).

    Args:
        size: dimension of the sketch.
        seed: seed of the projection.

    Raises:
        ConfigurationError: ``size`` is not an integer of at least 1, or ``seed`` is not one of at
            least 0; the head is a function without a module, or has no parameters but frozen ones.
        PredictionError: the head does not return one row of numbers.
    """

    needs = frozenset({"features", "head"})

    def __init__(self, size: int = 512, *, seed: int = 0) -> None:
        self.size, self.seed = check_integer("size", size), check_integer("seed", seed, 0)

    def factors(self, prediction: Prediction) -> Factors:
        return (as_float(prediction.features),)

    def parts(self, candidates: Candidates) -> list[Factors]:
        _ = candidates.features  # its error explains how to get them
        module = self._module(candidates)
        parts = (candidates.prediction, candidates.annotated)
        ours, known = (part if part is None else self._sketched(part, module) for part in parts)
        return super().parts(replace(candidates, prediction=ours, annotated=known, labels=None))

    def _module(self, candidates: Candidates) -> nn.Module:
        head = needed(candidates.head, "head")
        module = head if isinstance(head, nn.Module) else getattr(head, "module", None)
        if not isinstance(module, nn.Module) or not _trained(module):
            raise ConfigurationError(
                f"{self!r} uses the gradient in the parameters of the head: the head must be a "
                f"module with parameters that are not frozen, got {head!r}."
            )
        return module

    def _sketched(self, prediction: Prediction, module: nn.Module) -> Prediction:
        features = as_matrix(prediction.features)
        what = f"{self!r} of {len(features):,} samples"
        shape = len(features), self.size
        sketch = DEFAULT.empty(shape, features.dtype, features.device, what).zero_()
        with evaluating(module, features.device):
            first = next(module.parameters())
            states = {**dict(module.named_parameters()), **dict(module.named_buffers())}
            states = {name: state.detach() for name, state in states.items()}
            trained = {name: states[name] for name in _trained(module)}
            number = sum(values.numel() for values in trained.values())

            def output(values: dict[str, Tensor], x: Tensor, column: int) -> Tensor:
                return _row(functional_call(module, {**states, **values}, (x[None],)))[column]

            with torch.no_grad():
                columns = len(_row(module(features[:1].to(first.dtype))))
            generator = torch.Generator().manual_seed(self.seed)
            size = max(1, VALUES // number)
            for column in range(columns):
                places = torch.randint(self.size, (number,), generator=generator)
                signs = 1 - 2 * torch.randint(2, (number,), generator=generator)
                places, signs = places.to(features.device), signs.to(sketch)
                gradient = vmap(grad(output), in_dims=(None, 0, None), randomness="same")
                for start in range(0, len(features), size):
                    rows = features[start : start + size].to(first.dtype)
                    parts = gradient(trained, rows, column).values()
                    values = torch.cat([part.flatten(1) for part in parts], 1).to(sketch) * signs
                    sketch[start : start + size].index_add_(1, places, values)
        return Prediction(None, prediction.ids, features=sketch)

    def __repr__(self) -> str:
        shown = [] if self.size == 512 else [str(self.size)]
        shown += [f"seed={self.seed}"] if self.seed else []
        return f"GradientSketch({', '.join(shown)})"


def _trained(module: nn.Module) -> list[str]:
    """Names of the parameters that are not frozen."""
    return [name for name, values in module.named_parameters() if values.requires_grad]


def _row(outputs: object) -> Tensor:
    """The outputs ``(C,)`` of a head for one sample."""
    if not isinstance(outputs, Tensor) or outputs.shape[:1] != (1,):
        raise PredictionError(
            "gradients are those of a head that returns one row of numbers for each sample, got "
            f"{getattr(outputs, 'shape', type(outputs).__name__)}."
        )
    return outputs.flatten()
