"""Check whether Prefect's server answers, if one is configured."""

from prefect.settings import get_current_settings

from pipelines.processes.server_check import check_answer

_TIMEOUT_S = 10.0


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
