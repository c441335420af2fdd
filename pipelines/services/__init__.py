"""The project's servers: `pix2pix up` and `pix2pix down` (docs/services.md).

Imports Prefect. Start with `up`.
"""
