"""People label: a folder with settings, labels, samples, features and the results of each round."""

__all__: list[str] = []
