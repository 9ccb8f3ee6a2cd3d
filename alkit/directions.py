"""The direction in which a metric improves: higher or lower."""

from __future__ import annotations

import re
from typing import Any

LOWER = re.compile(
    r"loss|error|distance|perplexity|deviance|divergence|brier|ranked_probability"
    r"|(?<![a-z])(test)?(n?r?mse|n?mae|s?mape|nll|nlpd|crps)(?![a-z])"
)


def rising(metric: str) -> bool:
    """Return True if higher is better, by the name: not for a loss, an error or a distance."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", metric)  # testRMSE: test_RMSE
    return LOWER.search(words.lower()) is None


def declared(module: Any) -> dict[str, bool]:
    """Names of the test results of a module where torchmetrics declares that higher is better.

    True if higher is better, False if lower. A metric may have any name, ``{"fit": MSE()}``.
    """
    found = {}
    for name, metric in (getattr(module, "test_metrics", None) or {}).items():
        higher = getattr(metric, "higher_is_better", None)
        if isinstance(higher, bool):
            found |= {name: higher, f"{name}_epoch": higher}
    return found
