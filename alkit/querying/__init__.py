"""Querying: predict the candidates, score them, and select a batch."""
