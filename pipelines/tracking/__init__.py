"""Runs in MLflow: followed while they run, completed from the files afterwards.

Imports MLflow, but late: most processes never need it. Start with `training_run`, which `live_run`
(while a training runs) and `completion` (afterwards) call.
"""
