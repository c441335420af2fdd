"""The project's servers: `python -m pipelines.services up` and `down` (docs/services.md).

Imports Prefect. Start with `up`.
"""
