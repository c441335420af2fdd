"""A study: the search for better parameters under Ray Tune, from its plan to its report.

Imports Ray, Optuna and matplotlib. Start with `study`, then `experiments` and `trial`.
"""
