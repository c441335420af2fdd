"""One module for each stage of dvc.yaml: it reads files, calls functions, writes files.

Each is a program, `python -m pipelines.stages.<name>`. Start with `train`.
"""
