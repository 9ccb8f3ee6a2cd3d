"""Projects: a folder of files that people label, and what is asked next."""

from __future__ import annotations

__all__: list[str] = []
