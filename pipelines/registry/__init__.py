"""Models in MLflow's registry: register, package, compare, evaluate and export them.

Imports MLflow. Start reading with `completion`, which the stage `register` calls: `register` makes
the version, `decision` compares it with the champion (docs/champion.md). Modules with a `main` are
programs that flows start.
"""
