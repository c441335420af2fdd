"""`pix2pix serve` on a running Ray cluster, which goes on when the command ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from pipelines.processes.tree import kill
from pix2pix.config import Params
from tests.support.mlflow_process import closed_port
from tests.support.serve_process import CHAMPION, new_registry, serving
from tests.support.served_models import label_maps

pytestmark = [pytest.mark.server]

_END_S = 60
_REFUSED_S = 200  # one that is not refused would serve until then
# What somebody else may run on the same cluster.
_OTHER = """
from ray import serve

@serve.deployment(ray_actor_options={"num_cpus": 0})
def greet(request):
    return "hello"

serve.run(greet.bind(), name="other", route_prefix="/other")
"""
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-this-test-that-is-long-enough"}


@pytest.fixture
def address() -> Iterator[str]:
    """A cluster of one node on free ports of this machine, ended by the id of its process."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: the names of sockets are limited
    port, ports = closed_port(), ("dashboard-agent-listen-port", "ray-client-server-port")
    address = f"127.0.0.1:{port}"
    ray = Path(sys.executable).with_name("ray")
    command = [ray, "start", "--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1"]
    command += ["--num-cpus=2", "--include-dashboard=false", f"--temp-dir={folder}"]
    command += [f"--{name}={closed_port()}" for name in ports]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
    )
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        assert any("Ray runtime started" in line for line in lines)
        yield address
    finally:
        process.stdout.close()
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(_END_S)
        kill([each for each in started if each.is_running()])
        shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"} | TOKEN


def test_it_serves_there_and_leaves_the_cluster_as_it_was(
    address: str, tmp_path: Path, default_params: Params
) -> None:
    registry = new_registry(tmp_path, default_params)
    (image,) = label_maps(50, 1)
    for number in ("1", "2"):
        registry.promote(number)
        with serving(registry, tmp_path, RAY_ADDRESS=address, **TOKEN) as served:
            answer = served.translate(image)
            assert answer.headers["x-model-version"] == number
            assert served.is_right(image, answer)
            # The model runs in a process of the cluster, and no Ray was started beside it.
            assert not [each for each in served.started() if "raylet" in each.name()]
        assert served.process.returncode == 128 + signal.SIGTERM
        with pytest.raises(httpx.ConnectError):
            httpx.get(served.url)


def test_what_others_serve_there_is_neither_replaced_nor_ended(
    address: str, tmp_path: Path, default_params: Params
) -> None:
    registry = new_registry(tmp_path, default_params)
    (image,) = label_maps(50, 1)
    environment = _environment() | {"RAY_ADDRESS": address, "MLFLOW_TRACKING_URI": registry.uri}
    serve = [sys.executable, "-m", "pipelines", "serve", CHAMPION, "--port"]
    with serving(registry, tmp_path, RAY_ADDRESS=address, **TOKEN) as served:
        for port in (served.url.rpartition(":")[2], str(closed_port())):
            second = subprocess.run(
                [*serve, port],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=_REFUSED_S,
            )
            assert second.returncode == 1
            assert "runs the application 'pix2pix' on this cluster already" in second.stderr
            assert "Traceback" not in second.stderr
        assert served.is_right(image, served.translate(image))
        subprocess.run([sys.executable, "-c", _OTHER], env=environment, cwd=tmp_path, check=True)
    assert served.process.returncode == 128 + signal.SIGTERM
    assert httpx.get(f"{served.url}/other").text == "hello"
    assert httpx.get(f"{served.url}/models").status_code == 404
