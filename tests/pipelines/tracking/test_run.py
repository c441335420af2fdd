import errno
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_ALREADY_EXISTS,
    TEMPORARILY_UNAVAILABLE,
)
from sqlalchemy.exc import OperationalError

from pipelines.tracking.connection import connected, may_pass
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.run_by_key import open_run
from pix2pix.errors import UserError
from tests.support.tracked_project import metric_points, new_database


class _OtherIsFaster(MlflowClient):
    """Another process makes the same run after this one has looked for it."""

    def create_run(self, experiment_id: str, **run: Any) -> Run:
        super().create_run(experiment_id, **run)
        return super().create_run(experiment_id, **run)


def opened(client: MlflowClient) -> MlflowRun:
    return open_run(client, "x", run_key="abc", name="x", started_s=1.0, tags={})


def test_a_run_that_is_made_twice_at_the_same_time_is_one_run(tmp_path: Path) -> None:
    uri = new_database(tmp_path)
    run_id = opened(_OtherIsFaster(uri)).run_id
    client = MlflowClient(uri)
    [run] = client.search_runs([client.get_experiment_by_name("x").experiment_id])
    assert run.info.run_id == run_id
    assert opened(client).run_id == run_id


def test_points_are_told_apart_by_metric_and_epoch_alone(tmp_path: Path) -> None:
    uri = new_database(tmp_path)
    run = opened(MlflowClient(uri))
    first = {"epoch": 1, "step": 5, "time_s": 10.0, "dev/l1": 0.5, "perf/epoch_s": float("nan")}
    run.log_records([first])
    run.log_records([first | {"time_s": 20.0, "dev/l1": 0.25}])
    run.log_records([first | {"time_s": 30.0, "perf/epoch_s": 3.0}, first | {"epoch": 2}])
    points = metric_points(uri, run.run_id)
    assert points["dev/l1"] == [(1, 0.5, 10_000), (2, 0.5, 10_000)]
    assert [(epoch, time_ms) for epoch, _, time_ms in points["perf/epoch_s"]] == [
        (1, 10_000),
        (2, 10_000),
    ]


class _MeetsAnother(MlflowClient):
    """Two creators, each of which has made its run before the other looks which there are."""

    def __init__(self, uri: str, *, barrier: threading.Barrier) -> None:
        super().__init__(uri)
        self._barrier, self._has_made = barrier, False

    def create_run(self, experiment_id: str, **run: Any) -> Run:
        self._barrier.wait(20)  # both have seen that there is none
        made = super().create_run(experiment_id, **run)
        self._barrier.wait(20)
        return made


@pytest.mark.parametrize("number", range(3))
def test_two_creators_that_see_each_other_keep_the_same_run(tmp_path: Path, number: int) -> None:
    uri = new_database(tmp_path)
    MlflowClient(uri).create_experiment("x")
    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        clients = [_MeetsAnother(uri, barrier=barrier) for _ in range(2)]
        run_ids = {run.run_id for run in pool.map(opened, clients)}
    client = MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("x").experiment_id])
    assert {run.info.run_id for run in found} == run_ids
    assert len(run_ids) == 1


class _LooksTooEarly(MlflowClient):
    """A creator that does not see the run which another has made at the same time."""

    has_looked = False

    def search_runs(self, *arguments: Any, **options: Any) -> Any:
        if not self.has_looked:
            self.has_looked = True
            return []
        return super().search_runs(*arguments, **options)


def test_of_two_runs_the_one_in_use_stays(tmp_path: Path) -> None:
    uri = new_database(tmp_path)
    client = MlflowClient(uri)
    used = opened(client)
    used.log_records([{"epoch": 1, "time_s": 1.0, "dev/l1": 0.5}])
    for _ in range(4):  # identifiers are drawn
        assert opened(_LooksTooEarly(uri)).run_id == used.run_id
    assert client.get_run(used.run_id).info.lifecycle_stage == "active"


def test_whichever_of_two_runs_stays_has_the_name_without_a_number(tmp_path: Path) -> None:
    uri = new_database(tmp_path)
    client = MlflowClient(uri)
    name = client.get_run(opened(client).run_id).info.run_name
    for _ in range(6):  # identifiers are drawn
        kept = client.get_run(opened(_LooksTooEarly(uri)).run_id)
        assert kept.info.run_name == name


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionError("gone"), True),
        (TimeoutError("slow"), True),
        (OSError(errno.ENOSPC, "full"), True),
        (OperationalError("x", {}, Exception("database or disk is full")), True),
        (MlflowException("API request failed"), True),
        (MlflowException("busy", TEMPORARILY_UNAVAILABLE), True),
        (MlflowException("UNIQUE constraint failed: datasets.name", BAD_REQUEST), True),
        (MlflowException("(psycopg2.errors.UniqueViolation) duplicate", BAD_REQUEST), True),
        (MlflowException("no such column", BAD_REQUEST), False),
        (MlflowException("later", REQUEST_LIMIT_EXCEEDED), True),
        (MlflowException("made by another", RESOURCE_ALREADY_EXISTS), True),
        (MlflowException("a name", INVALID_PARAMETER_VALUE), False),
        (MlflowException("no rights", PERMISSION_DENIED), False),
        (UserError("a deleted experiment"), False),
        (ValueError("a defect"), False),
        (KeyError("a defect"), False),
    ],
)
def test_what_may_pass_is_told_from_what_may_not(error: Exception, passes: bool) -> None:
    assert may_pass(error) == passes


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_full_database_is_said_without_its_sql(is_wrapped: bool, tmp_path: Path) -> None:
    full = OperationalError(
        "INSERT INTO metrics", {}, sqlite3.OperationalError("database or disk is full")
    )
    uri = new_database(tmp_path)
    said = rf"{uri} cannot be used: database or disk is full; make room on its disk\nStart"
    wrapped = MlflowException(str(full), TEMPORARILY_UNAVAILABLE)
    wrapped.__cause__ = full  # as MLflow's store does
    with pytest.raises(ConnectionError, match=said), connected(uri):
        raise wrapped if is_wrapped else full


def test_what_no_other_try_would_mend_keeps_its_traceback(tmp_path: Path) -> None:
    with (
        pytest.raises(MlflowException, match="nothing not found"),
        connected(new_database(tmp_path)) as client,
    ):
        client.get_registered_model("nothing")


def test_an_experiment_from_before_gets_the_saved_view_once(tmp_path: Path) -> None:
    """What people made of it stays: their own view of the name, and that they deleted it."""
    uri = new_database(tmp_path)
    client = MlflowClient(uri)
    key = "mlflow.sharedViewState.scores"
    own = client.create_experiment("own", tags={key: "mine"})
    open_run(client, "own", run_key="a", name="a", started_s=1.0, tags={})
    assert client.get_experiment(own).tags[key] == "mine"
    old = client.create_experiment("x")
    opened(client)
    view = client.get_experiment(old).tags[key]
    assert json.loads(view)["name"] == "scores"
    opened(client)
    assert client.get_experiment(old).tags[key] == view
    client.delete_experiment_tag(old, key)
    opened(client)
    assert key not in client.get_experiment(old).tags
