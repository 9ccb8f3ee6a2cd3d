"""A comparison as a table for the terminal, and as one page that opens on its own."""

from alkit.report.page import page, save
from alkit.report.table import as_text, legend, table

__all__ = ["as_text", "legend", "page", "save", "table"]
