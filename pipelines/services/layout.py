"""Where the services keep their files, and one `up` or `down` at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pix2pix.errors import UserError

PREFECT_SERVER, MLFLOW_SERVER, WORKER = "prefect-server", "mlflow-server", "worker"
# In the order in which they are started; they are stopped in the opposite order.
PROGRAMS = (PREFECT_SERVER, MLFLOW_SERVER, WORKER)

_FOLDER = ".services"


def services_dir(project: Path) -> Path:
    """The folder of everything below. MLflow's database and files lie in the project's folder."""
    return project / _FOLDER


def prefect_home(project: Path) -> Path:
    """Prefect's home: its SQLite database, stored results, caches."""
    return services_dir(project) / "prefect"


def conf_path(project: Path) -> Path:
    """The configuration of supervisord, which `up` writes."""
    return services_dir(project) / "supervisord.conf"


def pid_path(project: Path) -> Path:
    """The number of supervisord's process, which supervisord writes and removes."""
    return services_dir(project) / "supervisord.pid"


def socket_link(project: Path) -> Path:
    """A symbolic link to the socket through which supervisord is controlled."""
    return services_dir(project) / "socket"


def log_path(project: Path, name: str) -> Path:
    """The output of the program `name`. Older parts are beside it, with a number at the end."""
    return services_dir(project) / "logs" / f"{name}.log"


def make_folders(project: Path) -> None:
    """Make the folders above, readable for their owner only: logs and databases hold secrets."""
    services_dir(project).mkdir(exist_ok=True)
    services_dir(project).chmod(0o700)
    prefect_home(project).mkdir(exist_ok=True)
    log_path(project, WORKER).parent.mkdir(exist_ok=True)


@contextmanager
def locked(project: Path) -> Iterator[None]:
    """Run the block while no other `up` or `down` works in this folder.

    Raises UserError if another one is at work.
    """
    make_folders(project)
    try:
        with FileLock(services_dir(project) / "lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"another `make up` or `make down` is at work in {project}") from None
