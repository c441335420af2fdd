"""The project's servers: `python -m pipelines.services up` and `down` (docs/services.md).

Imports Prefect and supervisor. Start with `up`; `programs` says what runs.
"""
