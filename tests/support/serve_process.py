"""`pix2pix serve` as a process, over two versions of a model in an MLflow of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
from mlflow import MlflowClient

from pipelines.processes.tree import kill
from pipelines.registry.register import register_model
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pix2pix.config import Params
from pix2pix.files import write_bytes
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.mlflow_process import closed_port, wait_until_it_answers
from tests.support.served_models import label_maps, write_labels_model
from tests.support.tracked_project import new_database, write_project

NAME = "pix2pix-drawn"
_START_S, _END_S = 300.0, 120.0  # on a busy machine; Ray starts many processes
CHAMPION = f"models:/{NAME}@champion"


@dataclass(frozen=True)
class Registry:
    """An MLflow with a model of two versions, and their translators by number."""

    uri: str
    translators: dict[str, Translator]

    def promote(self, number: str) -> None:
        MlflowClient(self.uri).set_registered_model_alias(NAME, "champion", number)


def new_registry(folder: Path, params: Params) -> Registry:
    """Two versions of unlike weights, of which the first is the champion."""
    uri = new_database(folder / "mlflow")
    project = write_project(folder / "project")
    translators = {}
    with connected(uri) as client:
        run = complete_run(client, project, experiment=params.register.experiment)
        for number in ("1", "2"):
            model_dir = folder / number
            translators[number] = write_labels_model(model_dir, seed=int(number))
            (example,) = label_maps(30, 1)
            version = register_model(client, run, model_dir, name=NAME, example=example)
            assert version.version == number
        for place, image in enumerate(label_maps(30, 2)):
            write_bytes(folder / "examples" / f"{place}.png", encode(image))
        client.log_artifacts(run.run_id, str(folder / "examples"), "examples")
    registry = Registry(uri, translators)
    registry.promote("1")
    return registry


@dataclass(frozen=True)
class ServeProcess:
    """A running `pix2pix serve`."""

    url: str
    registry: Registry
    process: subprocess.Popen[bytes]

    def translate(self, image: np.ndarray, **options: str) -> httpx.Response:
        files = {"image": ("image.png", encode(image))}
        return httpx.post(f"{self.url}/translate", files=files, params=options, timeout=120)

    def is_right(self, image: np.ndarray, answer: httpx.Response) -> bool:
        """Whether it is what the named version's translator gives, byte for byte."""
        translator = self.registry.translators[answer.headers["x-model-version"]]
        return answer.content == encode(translator.translate(image))

    def replicas(self, deployment: str = "pix2pix-drawn-champion") -> list[psutil.Process]:
        """The processes of a deployment: that of the model, or "http"."""
        wanted = f"ray::ServeReplica:pix2pix:{deployment}"
        return [each for each in self.started() if wanted in _title(each)]

    def started(self) -> list[psutil.Process]:
        """All processes that the server has started."""
        return psutil.Process(self.process.pid).children(recursive=True)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def serving(
    registry: Registry, folder: Path, *arguments: str, **variables: str
) -> Iterator[ServeProcess]:
    """`pix2pix serve` of the champion on a free port, until the block ends."""
    port = closed_port()
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    serve = [sys.executable, "-m", "pipelines", "serve", CHAMPION, "--port", str(port)]
    process = subprocess.Popen(
        [*serve, "--look-s", "0.3", *arguments],
        cwd=folder,
        env=environment | {"MLFLOW_TRACKING_URI": registry.uri} | variables,
    )
    served = ServeProcess(f"http://127.0.0.1:{port}", registry, process)
    try:
        wait_until_it_answers(f"{served.url}/healthz", process, limit_s=_START_S)
        yield served
    finally:
        started = served.started() if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        finally:
            kill([*started, *([psutil.Process(process.pid)] if process.poll() is None else [])])
