"""Metrics by the names under which they are logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from torchmetrics import Metric, MetricCollection

from alkit.errors import ConfigurationError

Metrics = Metric | tuple[str, Metric] | Mapping[str, Metric] | Iterable[Any] | None


def named_metrics(kind: str, *metrics: Metrics) -> dict[str, Metric]:
    """Copies of the metrics by the names under which they are logged."""
    named: dict[str, Metric] = {}
    for entry in chain.from_iterable(map(_pairs, metrics)):
        name, metric = entry if isinstance(entry, tuple) else (type(entry).__name__, entry)
        if not isinstance(metric, Metric):
            raise ConfigurationError(
                f"metrics must be instances of torchmetrics classes, got {metric!r}."
            )
        if f"{kind}{name}" in named:
            raise ConfigurationError(
                f"Two {kind} metrics are named {name}. Give them distinct names with a dict: "
                f'metrics={{"{name}A": ..., "{name}B": ...}}.'
            )
        named[f"{kind}{name}"] = metric.clone()
    return named


def _pairs(metrics: Metrics) -> list[Any]:
    """Metrics in any accepted form as a list of `(name, metric)` pairs or metrics."""
    if metrics is None:
        return []
    if isinstance(metrics, Mapping | MetricCollection):
        return list(metrics.items())
    is_pair = isinstance(metrics, tuple) and len(metrics) == 2 and isinstance(metrics[0], str)
    if is_pair or isinstance(metrics, Metric) or not isinstance(metrics, Iterable):
        return [metrics]
    return list(metrics)
