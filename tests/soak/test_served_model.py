"""A model server over many requests: its answers, its memory, and bodies of 200 MB."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipelines.registry.register import register_model
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pix2pix.config import Params
from pix2pix.inference import Translator
from tests.support.mlflow_process import serving
from tests.support.model_folders import source_image, write_model
from tests.support.model_requests import ask, body
from tests.support.tracked_project import new_database, write_project

pytestmark = [pytest.mark.soak, pytest.mark.server, pytest.mark.timeout(1800)]

_MIB = 2**20

logger = logging.getLogger(__name__)


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_two_hundred_requests_and_large_bodies_leave_a_server_as_it_was(
    mode: str, tmp_path: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = new_database(tmp_path / "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(sys, "path", list(sys.path))
    project = write_project(tmp_path / "project")
    write_model(project / "models", inference_mode=mode)
    with connected(uri) as client:
        run = complete_run(client, project, experiment=default_params.register.experiment)
        model = register_model(
            client, run, project / "models", name="served", example=source_image()
        ).model_uri
    translator = Translator.load(project / "models")
    images = [source_image(64 + place, 80) for place in range(20)]
    expected = [translator.translate(image) for image in images]
    arguments = ["models", "serve", "--env-manager", "local", "-m", model]
    with serving(arguments, cwd=project, health="/ping", uri=uri) as server:

        def translated_at_once() -> None:
            with ThreadPoolExecutor(20) as threads:
                answers = list(threads.map(partial(ask, server), map(body, images)))
            for (status, answer), image in zip(answers, expected, strict=True):
                assert status == 200
                np.testing.assert_array_equal(np.array(answer["predictions"])[0], image)

        for _ in range(3):  # each of the server's threads gets its own memory once
            translated_at_once()
        before = memory_mib(server)
        for _ in range(10):
            translated_at_once()
        after = memory_mib(server)
        assert after - before < 50
        large = {
            "no JSON": b"x" * (200 * _MIB),
            "one text": b'{"inputs": "' + b"x" * (200 * _MIB) + b'"}',
            "a list": b'{"inputs": [' + b"0," * (100 * _MIB) + b"0]}",
        }
        for name, content in large.items():
            status, answer = ask(server, content, timeout_s=600.0)
            logger.info("%s: %d, %.0f MiB, %s", name, status, memory_mib(server), str(answer)[:200])
            assert status == 400  # MLflow repeats the whole body in its answer
        translated_at_once()
        logger.info("%.0f MiB before, %.0f MiB after 200 requests", before, after)


def memory_mib(server: str) -> float:
    """Resident memory of the processes that listen on the server's port."""
    port = int(server.rpartition(":")[2])
    listening = {
        connection.pid
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    }
    assert listening
    return sum(psutil.Process(pid).memory_info().rss for pid in listening) / _MIB
