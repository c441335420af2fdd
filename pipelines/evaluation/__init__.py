"""Scores of a model on prepared data, and whether the two belong together. Does not need MLflow."""
