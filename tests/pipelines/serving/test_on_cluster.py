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
import numpy as np
import psutil
import pytest

from pipelines.processes.tree import kill
from pix2pix.config import Params
from tests.support.mlflow_process import closed_port
from tests.support.serve_process import CHAMPION, ServeProcess, new_registry, serving
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
    """Twice: alone at first; then somebody else uses Serve too, and their application stays."""
    registry = new_registry(tmp_path, default_params)
    (image,) = label_maps(50, 1)
    environment = _environment() | {"RAY_ADDRESS": address, "MLFLOW_TRACKING_URI": registry.uri}
    with serving(registry, tmp_path, RAY_ADDRESS=address, **TOKEN) as served:
        _assert_translates(served, image, version="1")
        # The model runs in a process of the cluster, and no Ray was started beside it.
        assert not [each for each in served.started() if "raylet" in each.name()]
        _assert_refused(served, tmp_path, environment)
        _assert_translates(served, image, version="1")
    assert served.process.returncode == 128 + signal.SIGTERM
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url)

    registry.promote("2")
    with serving(registry, tmp_path, RAY_ADDRESS=address, **TOKEN) as served:
        _assert_translates(served, image, version="2")
        subprocess.run([sys.executable, "-c", _OTHER], env=environment, cwd=tmp_path, check=True)
    assert served.process.returncode == 128 + signal.SIGTERM
    assert httpx.get(f"{served.url}/other").text == "hello"
    assert httpx.get(f"{served.url}/models").status_code == 404


def _assert_translates(served: ServeProcess, image: np.ndarray, *, version: str) -> None:
    answer = served.translate(image)
    assert answer.headers["x-model-version"] == version
    assert served.is_right(image, answer)


def _assert_refused(served: ServeProcess, folder: Path, environment: dict[str, str]) -> None:
    """A second server does not take the place of the first, at the same port or at another."""
    seconds = [
        subprocess.Popen(
            [sys.executable, "-m", "pipelines", "serve", CHAMPION, "--port", port],
            env=environment,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for port in (served.url.rpartition(":")[2], str(closed_port()))
    ]
    try:
        for second in seconds:
            said = second.communicate(timeout=_REFUSED_S)[1]
            assert second.returncode == 1
            assert "runs the application 'pix2pix' on this cluster already" in said
            assert "Traceback" not in said
    finally:
        for second in seconds:
            second.kill()
