"""What is done with registered models after the pipeline: `python -m pipelines.registered.<name>`.

Each module with a `main` is a process of its own, started in the folder that holds dvc.yaml. They
ask MLflow for models and write files for whoever started them.
"""
