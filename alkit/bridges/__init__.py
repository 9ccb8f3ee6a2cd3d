"""Bridges to the labeling tools of others, by plain files and plain HTTP."""
