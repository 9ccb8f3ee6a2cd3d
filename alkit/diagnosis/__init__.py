"""Diagnosis: what commonly wastes labels, looked for in a query."""

from __future__ import annotations

from alkit.diagnosis.diagnosis import Diagnosis, doctor
from alkit.diagnosis.finding import Finding

__all__ = ["Diagnosis", "Finding", "doctor"]
