"""Which servers are used: those of this folder, on loopback, or those that variables name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pipelines.processes.http_address import fault, is_http
from pipelines.processes.loopback import LOOPBACK
from pipelines.processes.port import try_port
from pix2pix.errors import UserError

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A server, by the URL that clients use; `port` is None if the server is not of this folder."""

    url: str
    ui_url: str
    health_url: str
    port: int | None
    port_variable: str
    is_named: bool  # by a variable of the user

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is used, but neither started nor stopped here."""
        return self.port is None

    def elsewhere(self) -> "Address":
        """The same server, where somebody else has started it."""
        return replace(self, port=None)


def prefect_address(environment: Mapping[str, str]) -> Address:
    """`PREFECT_API_URL`, or port `PREFECT_SERVER_API_PORT` (4200) here."""
    named = environment.get("PREFECT_API_URL", "").rstrip("/")
    port = _port(environment, "PREFECT_SERVER_API_PORT", default=4200)
    return _address("PREFECT_API_URL", named, "PREFECT_SERVER_API_PORT", port, path="/api")


def mlflow_address(environment: Mapping[str, str]) -> Address:
    """The server in `MLFLOW_TRACKING_URI`, or port `MLFLOW_PORT` (5000) here.

    A database in `MLFLOW_TRACKING_URI` is what the server here serves.
    """
    uri = environment.get("MLFLOW_TRACKING_URI", "").rstrip("/")
    port = _port(environment, "MLFLOW_PORT", default=5000)
    return _address("MLFLOW_TRACKING_URI", uri if is_http(uri) else "", "MLFLOW_PORT", port)


def _address(
    variable: str, named: str, port_variable: str, port: int, *, path: str = ""
) -> Address:
    """The server that `variable` names, or where that is none or our own, the one at our port."""
    is_elsewhere = bool(named) and not _is_here(named, port, variable=variable)
    url = named if is_elsewhere else f"http://{HOST}:{port}{path}"
    return Address(
        url=url,
        ui_url=url.removesuffix(path),
        health_url=f"{url}/health",
        port=None if is_elsewhere else port,
        port_variable=port_variable,
        is_named=bool(named),
    )


def mlflow_pages(url: str) -> dict[str, str]:
    """The pages of runs and of models of the MLflow server at `url`.

    MLflow starts in the mode GenAI, whose menu leads neither to charts of runs nor to models; the
    query chooses the mode "Model training", which the browser then remembers.
    """
    pages = f"{url.rstrip('/')}/#"
    return {
        "runs": f"{pages}/experiments?workflowType=machine_learning",
        "models": f"{pages}/models",
    }


def check_free(address: Address) -> None:
    """Raise ConnectionError naming the port and its variable if it cannot be listened on."""
    port = address.port or 0
    try:
        try_port(HOST, port)
    except OSError as error:
        raise ConnectionError(
            f"port {port} cannot be used ({error.strerror}): another process may have it. "
            f"End that process, or set {address.port_variable} to a free port."
        ) from None


def _port(environment: Mapping[str, str], variable: str, *, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UserError(f"{variable} must be a port from 1 to 65535, got {text!r}")
    return int(text)


def _is_here(url: str, port: int, *, variable: str) -> bool:
    if reason := fault(url):
        raise UserError(
            f"{variable} is no address: {reason}; correct it, such as http://{HOST}:{port}"
        )
    parts = urlsplit(url)
    return parts.hostname in LOOPBACK and parts.port == port
