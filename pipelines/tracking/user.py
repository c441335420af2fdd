"""Who starts a run, as MLflow's own clients say it."""

import getpass
import os


def current_user() -> str | None:
    """The user's name at the MLflow server, or else on this machine; None where there is neither.

    Such as in a container whose user id has no name.
    """
    name = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter since Python 3.13
        return None
