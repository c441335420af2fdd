"""MLflow's own removal of deleted runs, as docs/housekeeping.md tells people to use it."""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.tracked_project import new_database

ROOT = Path(__file__).parents[3]


def documented() -> list[str]:
    text = (ROOT / "docs" / "housekeeping.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`mlflow (gc .* --older-than 30d)`", text)
    return shlex.split(command)


@pytest.mark.slow
def test_the_documented_command_removes_a_deleted_run_and_its_files(tmp_path: Path) -> None:
    client = MlflowClient(new_database(tmp_path))
    experiment = client.create_experiment("pix2pix", (tmp_path / "mlartifacts").as_uri())
    kept, deleted, deleted_lately = (client.create_run(experiment).info for _ in range(3))
    for run in (kept, deleted, deleted_lately):
        client.log_dict(run.run_id, {}, "scores.json")
    for run in (deleted, deleted_lately):
        client.delete_run(run.run_id)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        long_ago = "UPDATE runs SET deleted_time = 1 WHERE run_uuid = ?"
        database.execute(long_ago, (deleted.run_id,))

    variables = {name: each for name, each in os.environ.items() if not name.startswith("MLFLOW_")}
    subprocess.run(
        [sys.executable, "-m", "mlflow", *documented()], cwd=tmp_path, env=variables, check=True
    )

    found = {path.parents[1].name for path in tmp_path.glob("mlartifacts/*/artifacts/scores.json")}
    assert found == {kept.run_id, deleted_lately.run_id}
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        rows = database.execute("SELECT run_uuid FROM runs").fetchall()
    assert {run_id for (run_id,) in rows} == found
