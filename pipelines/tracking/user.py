"""Who starts a run, as MLflow's own clients say it."""

import getpass
import os


def current_user() -> str:
    """The user's name at the MLflow server, or else on this machine.

    Where the machine has no name for the user, it is the number (`pipelines/__init__.py`).
    """
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
