"""`pix2pix ui`: MLflow's web pages over the runs made here."""

import os
import sys

import typer


def ui() -> None:
    """Show runs and models in MLflow's web pages.

    The pages are at http://127.0.0.1:5000 until you press Ctrl-C; the variable MLFLOW_PORT sets
    another port. If MLFLOW_TRACKING_URI names a server, that server has the runs, and its address
    is printed instead.

    For example: pix2pix ui
    """
    from pipelines.services.addresses import check_free, mlflow_address
    from pipelines.tracking.uri import (
        is_server,
        refuse_other_folder,
        tracking_uri,
        without_password,
    )

    refuse_other_folder()
    uri = tracking_uri()
    if is_server(uri):
        typer.echo(f"the runs are on the MLflow server {without_password(uri)}")
        _show_pages(without_password(uri))
        return
    address = mlflow_address(os.environ)
    check_free(address)  # MLflow would end with exit code 0
    _show_pages(address.url)
    # It serves one person and runs no jobs; each further process takes seconds to start.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # Not on the command line, which everybody can see: the address may hold a password.
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri
    command = ["mlflow", "ui", "--host", "127.0.0.1", "--port", str(address.port), "--workers", "1"]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *command])


def _show_pages(url: str) -> None:
    from pipelines.services.addresses import mlflow_pages

    for name, page in mlflow_pages(url).items():
        typer.echo(f"{name:<8}{page}")
