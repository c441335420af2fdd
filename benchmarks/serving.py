"""Latency and throughput of three servers of one model, on loopback, one after the other.

They are `pix2pix serve`, `mlflow models serve`, and a plain FastAPI endpoint with uvicorn. The
model has random weights. The clients run in this process and share the cores with the server.
MLflow's server takes and gives pixels as JSON, the others PNG files.

    python -m benchmarks.serving --out benchmarks/results/serving.json --write docs/serving.md
"""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import psutil
import torch
from mlflow import MlflowClient

from benchmarks.large_image import write_model_folder
from benchmarks.markdown import table, write_sections
from benchmarks.worker_group import processor
from pipelines.registry.register import register_model
from pipelines.tracking.run import MlflowRun
from pix2pix.cores import num_cores
from pix2pix.data.manifest import SideRecord
from pix2pix.files import write_text
from pix2pix.images.encode import encode
from pix2pix.model_card import CARD_FILE, load_card

_NAME = "benchmark"
_PORT = 18_321
_NUM_CLIENTS = (1, 8, 64)
_SIZE = 256
_START_S = 180.0
_ANSWER_S = 300.0

Ask = Callable[[httpx.Client, np.ndarray], httpx.Response]


@dataclass(frozen=True, slots=True)
class Load:
    """So many clients, each of which asks again as soon as it has its answer."""

    server: str
    num_clients: int
    num_requests: int
    p50_ms: float
    p99_ms: float
    images_per_s: float


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started and asked."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]
    health: str
    ask: Ask


def write_model(folder: Path, base_channels: int) -> None:
    """A model of random weights whose results have 8 bits."""
    write_model_folder(folder, "published", base_channels=base_channels)
    target = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
    card = replace(load_card(folder), target=target)
    write_text(folder / CARD_FILE, json.dumps(asdict(card)))


def register(uri: str, model_dir: Path, folder: Path) -> None:
    """Make the model the first version of `_NAME`."""
    client = MlflowClient(uri)
    experiment_id = client.create_experiment("serving", (folder / "files").as_uri())
    run_id = client.create_run(experiment_id).info.run_id
    example = np.zeros((_SIZE, _SIZE, 3), np.uint8)
    run = MlflowRun(client, run_id, experiment_id)
    register_model(client, run, model_dir, name=_NAME, example=example)


def ask_with_file(client: httpx.Client, image: np.ndarray) -> httpx.Response:
    """As a browser does."""
    return client.post("/translate", files={"image": encode(image)})


def ask_mlflow(client: httpx.Client, image: np.ndarray) -> httpx.Response:
    """As MLflow's protocol has it."""
    return client.post("/invocations", json={"inputs": image[None].tolist()})


def servers(uri: str, model_dir: Path, num_replicas: Sequence[int]) -> list[Server]:
    """What is compared."""
    python, port = sys.executable, ["--port", str(_PORT)]
    ours = [python, "-m", "pipelines", "serve", f"{_NAME}/1", *port, "--max-queued", "100"]
    mlflow = [python, "-m", "mlflow", "models", "serve", "-m", f"models:/{_NAME}/1"]
    plain = [python, "-m", "uvicorn", "benchmarks.plain_endpoint:app", "--log-level", "warning"]
    # MLflow calls uvicorn by its name.
    path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    tracking = {"MLFLOW_TRACKING_URI": uri, "PATH": path}
    return [
        *(
            Server(
                f"pix2pix serve, {number} replica{'s'[: number - 1]}",
                [*ours, "--min-replicas", str(number)],
                tracking,
                "/healthz",
                ask_with_file,
            )
            for number in num_replicas
        ),
        Server(
            "mlflow models serve",
            [*mlflow, "--env-manager", "local", *port],
            tracking,
            "/ping",
            ask_mlflow,
        ),
        Server(
            "plain FastAPI",
            [*plain, *port],
            {"MODEL_DIR": str(model_dir)},
            "/healthz",
            ask_with_file,
        ),
    ]


@contextmanager
def running(server: Server) -> Iterator[httpx.Client]:
    """A client of the server, while it runs."""
    process = subprocess.Popen(
        server.command, env=os.environ | server.variables, start_new_session=True
    )
    limits = httpx.Limits(max_connections=max(_NUM_CLIENTS))
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{_PORT}", timeout=_ANSWER_S, limits=limits
        ) as client:
            _wait(client, server.health, process)
            yield client
    finally:
        if process.poll() is None:
            started = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            for each in started:
                if each.is_running():
                    each.kill()


def _wait(client: httpx.Client, health: str, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if client.get(health).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise RuntimeError(f"{process.args!r} does not answer")


def measure(server: Server, client: httpx.Client, num_clients: int, num_requests: int) -> Load:
    """Ask `num_requests` times. Raises HTTPStatusError if an answer is no translation."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (num_requests, _SIZE, _SIZE, 3), dtype=np.uint8)
    with ThreadPoolExecutor(num_clients) as threads:
        started_s = time.perf_counter()
        latencies_s = list(threads.map(partial(_latency_s, server.ask, client), images))
        elapsed_s = time.perf_counter() - started_s
    p50_ms, p99_ms = (1000 * float(np.quantile(latencies_s, share)) for share in (0.5, 0.99))
    load = Load(server.name, num_clients, num_requests, p50_ms, p99_ms, num_requests / elapsed_s)
    logging.info("%s", load)
    return load


def _latency_s(ask: Ask, client: httpx.Client, image: np.ndarray) -> float:
    started_s = time.perf_counter()
    ask(client, image).raise_for_status()
    return time.perf_counter() - started_s


def section(loads: Sequence[Load], where: str) -> str:
    """The measurements as markdown."""
    rows = [
        (
            load.server,
            str(load.num_clients),
            f"{load.p50_ms:.0f}",
            f"{load.p99_ms:.0f}",
            f"{load.images_per_s:.1f}",
        )
        for load in loads
    ]
    head = ("server", "clients", "p50, ms", "p99, ms", "images/s")
    return f"\n{where}\n\n{table(head, rows)}\n"


def main() -> None:
    """Measure, write the JSON file and the section of a document."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path, help="document with a section `serving load`")
    parser.add_argument("--base-channels", type=int, default=16)
    parser.add_argument("--num-requests", type=int, default=128, help="for each row")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    loads = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        write_model(folder / "model", options.base_channels)
        register(uri, folder / "model", folder)
        for server in servers(uri, folder / "model", options.replicas):
            with running(server) as client:
                measure(server, client, 8, 16)  # each thread gets its own memory once
                loads += [
                    measure(server, client, num_clients, options.num_requests)
                    for num_clients in _NUM_CLIENTS
                ]
    where = (
        f"{_SIZE}x{_SIZE} px, base_channels {options.base_channels}; {options.num_requests} "
        f"requests a row; {processor()}, {num_cores()} cores, load average {busy:.1f} before; "
        f"torch {torch.__version__}; {date.today().isoformat()}."
    )
    content = {"where": where, "loads": [asdict(load) for load in loads]}
    write_text(options.out, json.dumps(content, indent=2) + "\n")
    if options.write is not None:
        write_sections(options.write, {"serving load": section(loads, where)})


if __name__ == "__main__":
    main()
