"""Where the servers keep what outlives them, and one `up` or `down` at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pix2pix.errors import UserError

PREFECT_SERVER, MLFLOW_SERVER, WORKER = "prefect-server", "mlflow-server", "worker"

_FOLDER = ".services"


def services_dir(project: Path) -> Path:
    """The folder of everything below but MLflow's database and files."""
    return project / _FOLDER


def prefect_home(project: Path) -> Path:
    """Prefect's home: its SQLite database, stored results, caches."""
    return services_dir(project) / "prefect"


def record_path(project: Path, name: str) -> Path:
    """Which process serves as `name`."""
    return services_dir(project) / f"{name}.json"


def log_path(project: Path, name: str) -> Path:
    """What the service `name` has written since it was started."""
    return services_dir(project) / "logs" / f"{name}.log"


@contextmanager
def locked(project: Path) -> Iterator[None]:
    """Keep a second `up` or `down` in this folder out. Raises UserError if one is at work."""
    services_dir(project).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(services_dir(project) / "lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"another `make up` or `make down` is at work in {project}") from None
