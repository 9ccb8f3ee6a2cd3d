"""Posterior samples of a network, from dropout masks or ensembles."""

from alkit.blocks.posterior.ensemble import Ensemble
from alkit.blocks.posterior.mcdropout import MCDropout
from alkit.blocks.posterior.sampled import mean_of_samples
from alkit.blocks.posterior.stacked import gives_samples

__all__ = ["Ensemble", "MCDropout", "gives_samples", "mean_of_samples"]
