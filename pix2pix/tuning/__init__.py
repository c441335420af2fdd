"""The search for better parameters: what may vary, the trials, and whether there is a gain.

Imports neither Ray nor Optuna, which `pipelines.tuning` uses. Start with `trials`, then `space`.
"""
