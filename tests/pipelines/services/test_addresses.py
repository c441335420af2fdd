import socket

import pytest

from pipelines.services.addresses import check_free, mlflow_address, prefect_address
from pix2pix.errors import UserError


def test_without_variables_the_tools_own_ports_are_used() -> None:
    assert prefect_address({}).url == "http://127.0.0.1:4200/api"
    assert prefect_address({}).ui_url == "http://127.0.0.1:4200"
    assert mlflow_address({}).url == "http://127.0.0.1:5000"


def test_the_ports_are_the_tools_own_variables() -> None:
    prefect = prefect_address({"PREFECT_SERVER_API_PORT": "4300"})
    assert (prefect.url, prefect.port) == ("http://127.0.0.1:4300/api", 4300)
    assert mlflow_address({"MLFLOW_PORT": "5100"}).port == 5100


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "4200.0"])
def test_what_is_no_port_is_refused_with_its_variable(text: str) -> None:
    with pytest.raises(ValueError, match=f"MLFLOW_PORT must be a port.*{text!r}"):
        mlflow_address({"MLFLOW_PORT": text})


def test_a_server_that_a_variable_names_is_used_as_it_is() -> None:
    prefect = prefect_address({"PREFECT_API_URL": "https://prefect.example/api/"})
    assert prefect.is_elsewhere
    assert prefect.health_url == "https://prefect.example/api/health"
    assert mlflow_address({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5001"}).is_elsewhere


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999", "http://"])
def test_what_is_no_address_is_refused_with_its_variable(url: str) -> None:
    with pytest.raises(UserError, match=r"PREFECT_API_URL is no address: its .*; correct it"):
        prefect_address({"PREFECT_API_URL": url})
    with pytest.raises(UserError, match=r"MLFLOW_TRACKING_URI is no address: its .*; correct it"):
        mlflow_address({"MLFLOW_TRACKING_URI": url})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_our_own_port_is_here_though_a_variable_names_it(host: str) -> None:
    assert not prefect_address({"PREFECT_API_URL": f"http://{host}:4200/api"}).is_elsewhere
    assert not mlflow_address({"MLFLOW_TRACKING_URI": f"http://{host}:5000"}).is_elsewhere


def test_a_database_is_served_here() -> None:
    address = mlflow_address({"MLFLOW_TRACKING_URI": "sqlite:///runs.db"})
    assert (address.is_elsewhere, address.is_named) == (False, False)


def test_a_port_that_is_listened_on_is_not_free_and_one_that_was_is() -> None:
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        listening.listen()
        port = listening.getsockname()[1]
        address = prefect_address({"PREFECT_SERVER_API_PORT": str(port)})
        with pytest.raises(ConnectionError, match=rf"port {port} .*PREFECT_SERVER_API_PORT"):
            check_free(address)
    check_free(address)
