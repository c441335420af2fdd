"""Everything at a real MLflow server, which keeps the files: as processes, as a flow runs them.

Through a server that shares its files with them, tests/pipelines/served runs the same by flows.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.mlflow_process import serving
from tests.support.model_folders import source_image
from tests.support.registered_project import MODEL, MODELS, REPORTS, register_model, train


def python(module: str, *arguments: str, server: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | {"MLFLOW_TRACKING_URI": server},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.soak
@pytest.mark.server
@pytest.mark.timeout(300)
def test_each_entry_point_works_at_a_real_server(
    workspace: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    with serving(arguments, cwd=tmp_path / "mlflow", health="/health", uri=uri) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        train(0)
        run_id = register_model()["run_id"]
        python("pipelines.registry.is_new_data", server=server)
        python("pipelines.registry.link", "prefect.flow_run_id=abc", server=server)
        python("pipelines", "evaluate", "--model", MODEL, server=server)
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.png").write_bytes(encode(source_image(40, 51)))
        folders = (str(tmp_path / "in"), str(tmp_path / "out"))
        python("pipelines", "translate", "--model", f"{MODEL}@champion", *folders, server=server)
        train(1)
        decision = register_model()["decision"]
        python("pipelines", "promote", f"{MODEL}/2", server=server)
        python("pipelines", "rollback", MODEL, server=server)
    client = MlflowClient(uri)  # the server's database
    version = client.get_model_version(MODEL, "1")
    assert version.tags["prefect.flow_run_id"] == "abc"
    assert client.get_run(run_id).data.tags["prefect.flow_run_id"] == "abc"
    assert decision["compared_with"] == "1"
    assert [row["champion"] for row in decision["rows"][1:]] == [0.25, 0.5]
    assert str(client.get_model_version_by_alias(MODEL, "champion").version) == "1"
    assert json.loads((REPORTS / "new_data.json").read_text())["run_id"] == run_id
    [evaluation] = client.search_runs(
        [client.get_experiment_by_name("pix2pix-evaluations").experiment_id]
    )
    metrics = json.loads((REPORTS / "evaluation" / "metrics.json").read_text())
    assert evaluation.data.metrics["test/l1"] == metrics["test"]["l1"]
    train(0)
    expected = Translator.load(MODELS).translate(source_image(40, 51))
    assert (tmp_path / "out" / "a.png").read_bytes() == encode(expected)
