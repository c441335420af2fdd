"""The MLflow UI over the runs made here, on loopback."""

import os
import sys

from pipelines.entrypoint import run
from pipelines.tracking.uri import tracking_uri, without_password


def main() -> None:
    """Replace this process by MLflow's server; a server that runs elsewhere is only named."""
    uri = tracking_uri()
    if uri.startswith("http"):
        sys.stdout.write(f"the runs are on the MLflow server {without_password(uri)}\n")
        return
    port = os.environ.get("MLFLOW_PORT", "5000")
    # It serves one person and runs no jobs; each further process takes seconds to start.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # Not on the command line, which is shown to everybody: there may be a password in it.
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri
    command = ["mlflow", "ui", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", *command])


if __name__ == "__main__":
    run(main)
