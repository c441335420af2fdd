"""Prefect's server: a client of it, and whether it answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from pipelines.processes.http_address import fault
from pipelines.processes.server_check import check_answer
from pix2pix.errors import UserError

_TIMEOUT_S = 10.0


@contextmanager
def prefect_client(api_url: str) -> Iterator[SyncPrefectClient]:
    """A client of the server at `api_url`.

    Raises UserError naming it where the server refuses, ConnectionError where it does not answer.
    """
    try:
        with temporary_settings({PREFECT_API_URL: api_url}), get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ConnectionError(f"Prefect at {api_url} cannot be used: {error}") from error
        raise UserError(
            f"Prefect at {api_url} refuses (status {status}): set PREFECT_API_AUTH_STRING to the "
            "user:password of a server of your own, or PREFECT_API_KEY to your key of Prefect Cloud"
        ) from error
    except httpx.HTTPError as error:
        raise ConnectionError(f"Prefect at {api_url} cannot be used: {error}") from error


def check_server() -> None:
    """Raise ConnectionError, with the address and the remedy, if the server does not answer.

    Raise UserError if no server can be there. Do nothing if no server is configured; Prefect then
    starts a temporary one.
    """
    url = get_current_settings().api.url
    if url is None:
        return
    if reason := fault(url):
        raise UserError(
            f"Prefect at {url} cannot be used: {reason}\nCorrect PREFECT_API_URL, such as "
            "http://127.0.0.1:4200/api: `prefect config view` says where it is set."
        )
    try:
        check_answer(f"{url}/health", timeout_s=_TIMEOUT_S)
    except ConnectionError as error:
        raise ConnectionError(
            f"Prefect at {url} cannot be used: {error}\nStart it (make up). To run with a "
            "temporary server, unset PREFECT_API_URL; where it is not set, prefect.toml names the "
            "server, as after a reboot, and `make down` removes that file."
        ) from None
