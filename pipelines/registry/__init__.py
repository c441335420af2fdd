"""Models in MLflow: registered, packaged, compared, evaluated, used on folders of images.

Imports MLflow. Start with `register`; modules with a `main` are programs that flows start.
"""
