"""Flows under stress: many at once, a killed process, a server that goes away."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.services.layout import PREFECT_SERVER
from tests.support.served_project import (
    TRAIN,
    ServedProject,
    new_project,
    running,
    wait_for,
)

pytestmark = [
    pytest.mark.soak,
    pytest.mark.pipeline,
    pytest.mark.server,
    pytest.mark.timeout(1800),
]

LONG = {"num_epochs": 80}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProject]:
    with running(new_project(tmp_path_factory.mktemp("served") / "project")) as project:
        yield project


def test_a_killed_flow_is_marked_as_crashed_and_its_rerun_continues(served: ServedProject) -> None:
    long = {"train": LONG | {"seed": 2}}
    run_id = served.start(TRAIN, **long)
    served.wait_for_training(run_id)
    served.flow_process(run_id).kill()
    served.wait(run_id, "CRASHED")
    again = served.completed(served.start(TRAIN, **long))
    assert "continuing the interrupted training" in served.log(again["id"])


def test_a_training_is_ended_by_down_and_continued_by_its_rerun(served: ServedProject) -> None:
    long = {"train": LONG | {"seed": 4}}
    run_id = served.start(TRAIN, **long)
    workspace = served.wait_for_training(run_id)
    served.down()
    assert served.processes() == []
    log = (workspace / "logs" / "train.log").read_text()
    assert "saving and stopping" in log
    served.up()
    served.wait(run_id, "CRASHED")
    again = served.completed(served.start(TRAIN, **long))
    assert "continuing the interrupted training" in served.log(again["id"])


def test_ten_runs_at_once_have_results_of_their_own(served: ServedProject) -> None:
    runs = {
        seed: served.start(
            TRAIN, targets=["prepare"], data={"synthetic": {"seed": seed}, "split_seed": seed}
        )
        for seed in range(100, 110)
    }
    finished = {seed: served.completed(run_id, limit_s=900) for seed, run_id in runs.items()}
    experiments = served.experiments()
    hashes = set()
    for seed, run in finished.items():
        data = experiments[served.experiment_of(run["id"])]
        assert data["params"]["params.yaml"]["data"]["data"]["synthetic"]["seed"] == seed
        hashes.add(data["outs"]["data/raw"]["hash"])
    assert len(hashes) == 10
    assert served.run("git", "status", "--porcelain").stdout == ""


def test_training_goes_on_without_the_server_and_is_found_again(served: ServedProject) -> None:
    long: dict[str, Any] = {"train": LONG | {"seed": 3}}
    run_id = served.start(TRAIN, **long)
    workspace = served.wait_for_training(run_id)
    flow = served.flow_process(run_id)
    server = served.programs()[PREFECT_SERVER]
    for process in [server, *server.children(recursive=True)]:
        process.kill()
    report = workspace / "checkout" / "reports" / "train.json"
    wait_for(report.is_file, limit_s=200)
    assert json.loads(report.read_text())["best_epoch"] > 0
    served.up()
    flow.wait(400)  # Prefect tries again for minutes
    if served.flow_run(run_id)["state_type"] != "COMPLETED":
        again = served.completed(served.start(TRAIN, **long))
        assert "Stage 'train' didn't change, skipping" in served.log(again["id"])
