"""Models in MLflow: registered, packaged, compared, evaluated, and used on folders of images."""
