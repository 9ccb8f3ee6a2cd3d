"""Evidence: records of comparisons, statistics of learning curves, and summary tables."""
