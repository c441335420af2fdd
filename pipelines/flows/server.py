"""Prefect's server: a client of it, and whether it answers."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from pipelines.processes.server_check import check_answer

_TIMEOUT_S = 10.0


@contextmanager
def prefect_client(api_url: str) -> Iterator[SyncPrefectClient]:
    """A client of the server at `api_url`.

    Raises ConnectionError naming it where the server refuses or does not answer.
    """
    try:
        with temporary_settings({PREFECT_API_URL: api_url}), get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as error:
        raise ConnectionError(f"Prefect at {api_url} cannot be used: {error}") from error


def check_server() -> None:
    """Raise ConnectionError, with the address and the remedy, if the server does not answer.

    Do nothing if no server is configured; Prefect then starts a temporary one.
    """
    url = get_current_settings().api.url
    if url is None:
        return
    try:
        check_answer(f"{url}/health", timeout_s=_TIMEOUT_S)
    except ConnectionError as error:
        raise ConnectionError(
            f"Prefect at {url} cannot be used: {error}\nStart it (make up). To run with a "
            "temporary server, unset PREFECT_API_URL; where it is not set, prefect.toml names the "
            "server, as after a reboot, and `make down` removes that file."
        ) from None
