"""Geometry of candidates: distances, clusters, coverage and information, behind the selectors."""
