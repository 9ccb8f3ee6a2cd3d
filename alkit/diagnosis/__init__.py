"""Diagnosis of a query: checks for common problems that waste labels."""

from __future__ import annotations

from alkit.diagnosis.diagnosis import Diagnosis, doctor
from alkit.diagnosis.finding import Finding

__all__ = ["Diagnosis", "Finding", "doctor"]
