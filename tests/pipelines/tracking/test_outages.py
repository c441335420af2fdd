"""A real MLflow server that starts late, dies, hangs or loses its answers while it is needed.

And how often it is asked.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from mlflow import MlflowClient

from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.samples import sample_name
from pipelines.tracking import connection, reconciler
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pipelines.tracking.live_run import LiveRun
from pix2pix.config import Params
from tests.support.answer_cutter import cutting_answers
from tests.support.mlflow_process import ServerProcess
from tests.support.tracked_project import (
    HISTORY,
    SAMPLE_EPOCHS,
    described,
    everything,
    history_points,
    metric_points,
    new_database,
    write_picture,
    write_project,
    write_samples,
)
from tests.support.waiting import until

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("soon_again"),
]

BACK = "is back and has what it lacked"


class Server:
    """A server process, and its database, which can be read whatever the process does."""

    def __init__(self, folder: Path) -> None:
        self.database = new_database(folder)
        arguments = ["server", "--backend-store-uri", self.database, "--host", "127.0.0.1"]
        self.process = ServerProcess(arguments, cwd=folder, health="/health", uri=self.database)
        self.url = self.process.url

    def points(self, run_key: str) -> dict[str, list[tuple[int, float, int]]]:
        [run_id] = self._run_ids(run_key)
        return metric_points(self.database, run_id)

    def holds(self, run_key: str, num_epochs: int) -> Callable[[], bool]:
        """Whether all metrics and samples of the first epochs are there."""
        wanted = history_points(HISTORY[:num_epochs])
        num_files = 2 * sum(epoch < num_epochs for epoch in SAMPLE_EPOCHS)

        def is_held() -> bool:
            run_ids = self._run_ids(run_key)
            if not run_ids or metric_points(self.database, run_ids[0]) != wanted:
                return False
            files = MlflowClient(self.url).list_artifacts(run_ids[0], "images")
            return len(files) == num_files

        return is_held

    def everything(self, run_key: str) -> dict[str, object]:
        """All of the only run of that key but for its end; its files are asked of the server."""
        [run_id] = self._run_ids(run_key)
        return everything(self.url, run_id) | {"times": None}

    def _run_ids(self, run_key: str) -> list[str]:
        client = MlflowClient(self.database)
        found = client.get_experiment_by_name("pix2pix")
        where = f"tags.`pix2pix.run_key` = '{run_key}'"
        runs = client.search_runs([found.experiment_id], where) if found else []
        return [run.info.run_id for run in runs]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Not started yet."""
    server = Server(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.process.end()


@pytest.fixture
def samples(tmp_path: Path) -> Folder:
    return write_samples(tmp_path / "samples")


def undisturbed(samples: Folder, params: Params, run_key: str) -> dict[str, object]:
    uri = new_database(Path(samples.path).parent / "undisturbed")
    with LiveRun(uri, described(params, run_key=run_key), samples=samples) as run:
        run.update(HISTORY)
    client = MlflowClient(uri)
    [made] = client.search_runs([client.get_experiment_by_name("pix2pix").experiment_id])
    return everything(uri, made.info.run_id) | {"times": None}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.message for record in caplog.records if record.name == reconciler.__name__]
    return ["back" if BACK in line else "lost" for line in lines]


def test_a_server_that_starts_late_and_dies_in_mid_run_holds_everything_once(
    server: Server, samples: Folder, default_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    server.process.kill()
    run = LiveRun(server.url, described(default_params, run_key="late"), samples=samples)
    run.update(HISTORY[:1])
    until(lambda: said(caplog) == ["lost"])
    server.process.start()
    until(server.holds("late", 1))
    run.update(HISTORY[:2])
    until(server.holds("late", 2))
    server.process.kill()
    run.update(HISTORY[:3])
    until(lambda: said(caplog) == ["lost", "back", "lost"])
    server.process.start()
    until(server.holds("late", 3))  # before another epoch
    run.update(HISTORY)
    run.close()
    assert server.points("late") == history_points(HISTORY)
    assert server.everything("late") == undisturbed(samples, default_params, "late")
    assert said(caplog) == ["lost", "back", "lost", "back"]


@pytest.mark.soak
@pytest.mark.parametrize("hangs", ["before a request", "in a request"])
def test_training_goes_on_while_the_server_hangs(
    hangs: str,
    server: Server,
    samples: Folder,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.process.start()
    run_key = f"hanging {hangs}"
    in_a_call = threading.Lock()
    reconcile = LiveRun._reconcile

    def locked(self: LiveRun) -> None:
        with in_a_call:
            reconcile(self)

    monkeypatch.setattr(LiveRun, "_reconcile", locked)
    run = LiveRun(server.url, described(default_params, run_key=run_key), samples=samples)
    run.update(HISTORY[:1])
    until(server.holds(run_key, 1))
    asked: list[str] = []
    reach = connection.reach if hangs == "before a request" else asked.append
    monkeypatch.setattr(connection, "reach", lambda uri: (asked.append(uri), reach(uri)))
    with in_a_call:  # else a request of the first call could hang, and no other call would begin
        server.process.pause()
    try:
        run.update(HISTORY)  # a call that waited would never return
        until(lambda: asked)
        assert server.points(run_key) == history_points(HISTORY[:1])
    finally:
        server.process.go_on()
    run.close()
    assert server.points(run_key) == history_points(HISTORY)
    assert server.everything(run_key) == undisturbed(samples, default_params, run_key)


@pytest.mark.parametrize("tries", [pytest.param("client", marks=pytest.mark.soak), "thread"])
def test_what_arrived_without_the_answer_is_there_once(
    tries: str,
    server: Server,
    samples: Folder,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if tries == "thread":
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        # Each of some twenty writes is an outage of its own, after which the pause would double.
        monkeypatch.setattr(reconciler, "_MIN_PAUSE_S", 0.01)
        monkeypatch.setattr(reconciler, "_MAX_PAUSE_S", 0.01)
    server.process.start()
    run_key = f"cut {tries}"
    with cutting_answers(server.url) as (uri, cut):
        run = LiveRun(uri, described(default_params, run_key=run_key), samples=samples)
        for num_epochs in range(1, len(HISTORY) + 1):
            run.update(HISTORY[:num_epochs])
            until(server.holds(run_key, num_epochs))
        run.close()
    assert server.points(run_key) == history_points(HISTORY)
    assert server.everything(run_key) == undisturbed(samples, default_params, run_key)
    lost_writes = {line.rpartition("/")[2] for line in cut if line.startswith("POST")}
    assert lost_writes >= {"create", "log-batch", "log-inputs", "set-tag", "update"}
    assert sum(line.startswith("PUT") for line in cut) == 2 + 2 * len(SAMPLE_EPOCHS)
    assert ("lost" in said(caplog)) == (tries == "thread")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that the thread of a run sends from now on, but for those of files."""
    sent: list[str] = []
    send = requests.Session.request

    def noted(self: requests.Session, method: str, url: str, **more: Any) -> requests.Response:
        if threading.current_thread().name == "mlflow" and "mlflow-artifacts" not in url:
            sent.append(urlsplit(url).path.rpartition("/mlflow/")[2])
        return send(self, method, url, **more)

    monkeypatch.setattr(requests.Session, "request", noted)
    return sent


def test_what_a_followed_run_is_known_to_have_is_not_asked_for(
    server: Server, tmp_path: Path, default_params: Params, asked: list[str]
) -> None:
    """A server is asked anew for the histories of metrics only at the end, one by one."""
    server.process.start()
    folder = tmp_path / "samples"
    folder.mkdir()
    write_picture(folder / sample_name(0), seed=0)
    description = described(default_params, run_key="known")
    run = LiveRun(server.url, description, samples=open_folder(str(folder)))
    run.update(HISTORY[:1])
    until(lambda: asked.count("runs/log-batch") == 3)  # parameters, points, the description
    assert "metrics/get-history" not in asked
    for num_epochs in (2, 3):
        asked.clear()
        run.update(HISTORY[:num_epochs])
        until(lambda: asked.count("runs/log-batch") == 2)
        new = ["runs/get"] if num_epochs == 2 else []  # whether it has the metrics of training
        opened = ["/health", "experiments/search", "experiments/get-by-name", "runs/search"]
        assert asked == [*opened, *new, "runs/log-batch", "runs/get", "runs/log-batch"]
    asked.clear()
    run.close()
    assert server.points("known") == history_points(HISTORY[:3])
    assert asked.count("metrics/get-history") == len(history_points(HISTORY))


def test_a_run_of_a_server_is_not_completed_around_it(
    server: Server, samples: Folder, tmp_path: Path, default_params: Params
) -> None:
    server.process.start()
    with LiveRun(server.url, described(default_params), samples=samples) as run:
        run.update(HISTORY[:1])
    project = write_project(tmp_path / "project")
    experiment = default_params.register.experiment
    with (
        pytest.raises(ValueError, match="keeps its files on a server; set MLFLOW_TRACKING_URI"),
        connected(server.database) as client,
    ):
        complete_run(client, project, experiment=experiment)
    with connected(server.url) as client:
        completed = complete_run(client, project, experiment=experiment)
    held = metric_points(server.database, completed.run_id)
    assert {key: held[key] for key in history_points(HISTORY)} == history_points(HISTORY)
