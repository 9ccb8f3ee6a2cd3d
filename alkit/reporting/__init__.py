"""Result of a comparison: tables, verdict, and one page that opens on its own."""

from alkit.reporting.result import Result, load

__all__ = ["Result", "load"]
