"""Train a registered model version again, and compare the result with the version.

Start with `reproduce`, which the command `pix2pix reproduce` calls (docs/reproduce.md).
"""
