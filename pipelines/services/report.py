"""The text that `make up` shows in the end."""

from pathlib import Path

from pipelines.flows.names import POOL
from pipelines.services.addresses import Address, mlflow_pages
from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER, log_path
from pipelines.services.up import Running
from pipelines.tracking.uri import without_password


def describe(running: Running) -> str:
    """A few lines: where the UIs are, what to type next, where the logs are."""
    prefect, mlflow = running.prefect.ui_url, without_password(running.mlflow.ui_url)
    lines = {
        "Prefect": f"{prefect}  ({_state(running, PREFECT_SERVER, running.prefect)})",
        "MLflow": f"{mlflow}  ({_state(running, MLFLOW_SERVER, running.mlflow)})",
        **mlflow_pages(mlflow),
        "worker": f"takes the runs of pool {POOL}  ({_state(running, WORKER)})",
        "logs": str(log_path(Path(), "*")),
    }
    if running.is_deployed:
        lines["run"] = "prefect deployment run train-pix2pix/train-pix2pix"
    lines["stop"] = "make down"
    text = [f"{key:<10}{value}" for key, value in lines.items()]
    if not running.has_prefect_toml and not running.prefect.is_elsewhere:
        text.append(
            f"your own prefect.toml was not changed: `prefect` finds this server with "
            f"PREFECT_API_URL={running.prefect.url}"
        )
    return "\n".join(text) + "\n"


def _state(running: Running, name: str, address: Address | None = None) -> str:
    if address is not None and address.is_elsewhere:
        return "not started here"
    return "started" if name in running.started else "ran already"
