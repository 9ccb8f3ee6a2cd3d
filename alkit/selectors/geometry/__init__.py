"""Geometry behind the selectors: distances, clusters, coverage and information of candidates."""
