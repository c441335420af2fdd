"""Runs in MLflow: followed while they run, completed from the files afterwards.

Imports MLflow, but late: most processes never need it. Start with `live_run` and `completion`.
"""
