"""Projects: folders in which people label."""

from alkit.project.project import Project

__all__ = ["Project"]
