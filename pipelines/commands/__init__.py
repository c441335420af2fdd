"""What a person types beside the stages: `python -m pipelines.commands.<name>`."""
