"""The project's servers: `pix2pix up` and `pix2pix down` (docs/services.md).

Imports Prefect and supervisor. Start with `up`; `programs` says what runs.
"""
