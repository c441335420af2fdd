"""The other kept epochs of a training are logged models of its run, once, with their scores."""

from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from pix2pix.inference import Translator
from tests.support.model_folders import source_image, write_model
from tests.support.registered_project import register_model, train
from tests.support.tracked_project import HISTORY


@pytest.mark.slow
def test_each_kept_epoch_is_a_model_with_its_step_and_dev_scores_and_translates(
    workspace: Path, uri: str
) -> None:
    train(seed=1)
    folders = {
        f"epoch-{epoch}": workspace / "models" / "kept" / f"epoch_{epoch:04d}" for epoch in (1, 2)
    }
    for epoch, folder in enumerate(folders.values(), start=1):
        write_model(folder, epoch=epoch)
    registration = register_model()
    client = MlflowClient(uri)

    def models() -> dict[str, tuple[str, int]]:
        outputs = client.get_run(registration["run_id"]).outputs.model_outputs
        return {
            client.get_logged_model(output.model_id).name: (output.model_id, output.step)
            for output in outputs
        }

    held = models()
    assert {name: step for name, (_, step) in held.items()} == {
        "generator": 3, "epoch-1": 1, "epoch-2": 2,
    }  # fmt: skip
    l1 = {int(record["epoch"]): record["dev/l1"] for record in HISTORY}
    for name, folder in folders.items():
        model = client.get_logged_model(held[name][0])
        scores = {metric.key: (metric.step, metric.value) for metric in model.metrics}
        assert scores["dev/l1"] == (held[name][1], l1[held[name][1]])
        assert not any(key.startswith("test/") for key in scores)
        served = mlflow.pyfunc.load_model(model.artifact_location)
        expected = Translator.load(folder).translate_batch(source_image()[None])
        np.testing.assert_array_equal(served.predict(source_image()[None]), expected)
    (workspace / "reports" / ".registered.json").unlink()  # else nothing is looked at
    register_model()
    assert models() == held
