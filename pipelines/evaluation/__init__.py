"""Score a model on prepared data, and check whether a model fits the data.

Imports `pix2pix`, but not Ray, MLflow, Prefect or DVC. Start reading with `scores`, which the stage
`evaluate` calls.
"""
