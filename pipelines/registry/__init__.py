"""Models in MLflow's registry: register, package, compare, evaluate and use them.

Imports MLflow. Start reading with `register`, then `completion`, which the stage `register` calls.
Modules with a `main` are programs that flows start.
"""
