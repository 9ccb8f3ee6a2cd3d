"""Result of a comparison: tables, verdict, and a self-contained report page."""

from alkit.reporting.result import Result, load

__all__ = ["Result", "load"]
