"""The search for better parameters: what may vary, the trials, and whether there is a gain.

Knows nothing of Ray or Optuna, which `pipelines.tuning` uses. Start with `trials`, then `space`.
"""
