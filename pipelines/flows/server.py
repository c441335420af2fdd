"""Whether Prefect's server answers, where one is set."""

import httpx
from prefect.settings import get_current_settings

_TIMEOUT_S = 10.0


def check_server() -> None:
    """Return if the server that is set answers, or none is: then Prefect starts a temporary one.

    Raises ConnectionError naming the address and the remedy.
    """
    url = get_current_settings().api.url
    if url is None:
        return
    try:
        httpx.get(f"{url}/health", timeout=_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        raise ConnectionError(
            f"Prefect at {url} cannot be used: {error}\nStart it (make up), or unset "
            "PREFECT_API_URL to run with a temporary server."
        ) from None
