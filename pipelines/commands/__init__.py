"""What a person types beside the stages: `python -m pipelines.commands.<name>`.

Each module is one program, and imports what it shows or changes. Start with `check_params`.
"""
