"""Scores of a model on prepared data, and whether a model and data belong together.

Imports the library alone, no tool. Start with `scores`, which the stage `evaluate` calls.
"""
