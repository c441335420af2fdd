import dataclasses
import getpass
import json
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from pipelines.commands.evaluate import evaluate
from pipelines.entrypoint import run
from pipelines.evaluation import scores
from pipelines.registry.mlflow_state import LOGGED_TAG
from pipelines.stages import evaluate as stage
from pix2pix.data.manifest import load_manifest
from pix2pix.evaluation.extractors import NetworkExtractor
from pix2pix.model_card import load_card
from tests.support.registered_project import (
    MODEL,
    MODELS,
    PREPARED,
    REPORTS,
    change_card,
    register_model,
    train,
)
from tests.support.tracked_project import everything

pytestmark = pytest.mark.slow  # models are registered in each: a second and more

# In place of a network over images enlarged to 224 px: what is compared here is who scores what.
EXTRACTOR = NetworkExtractor(
    name="mean_colour",
    num_features=3,
    weights_sha256="0" * 64,
    device=torch.device("cpu"),
    features=lambda images: images.float().mean(dim=(2, 3)),
)
OUTPUTS = (
    "metrics.json",
    "metrics.txt",
    "per_image.csv",
    "panels/best.png",
    "panels/worst.png",
)


@pytest.fixture(autouse=True)
def _quick_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "choose_extractor", lambda *_asked: (EXTRACTOR, None))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def evaluated(reference: str, uri: str) -> str:
    """The id of the run, of which there is one."""
    evaluate(model=reference)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("pix2pix-evaluations")
    [found] = client.search_runs([experiment.experiment_id])
    return str(found.info.run_id)


def test_a_registered_model_is_scored_as_the_stage_scores_the_same_model(
    workspace: Path, uri: str
) -> None:
    train(0)
    run(stage.main)
    expected = contents(REPORTS)
    register_model()
    train(1)  # other weights in models/
    evaluated(f"{MODEL}/1", uri)
    assert contents(REPORTS / "evaluation") == expected
    assert json.loads(expected["metrics.json"])["test"]["num_images"] == 4


def test_an_evaluation_is_a_run_that_says_what_was_scored_on_what(
    workspace: Path, other_workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    trained = register_model()
    monkeypatch.chdir(other_workspace)
    run_id = evaluated(f"models:/{MODEL}/1", uri)
    client, manifest = MlflowClient(uri), load_manifest(PREPARED)
    version = client.get_model_version(MODEL, "1")
    held = client.get_run(run_id)
    assert held.info.run_name == f"{MODEL}/1 on smoke-drawn"
    assert held.info.status == "FINISHED"
    assert {
        "pix2pix.data_hash": manifest.data_hash,
        "pix2pix.model": MODEL,
        "pix2pix.model_version": "1",
        "pix2pix.model_sha256": version.tags["pix2pix.model_sha256"],
        "pix2pix.trained_by_run": trained["run_id"],
        "mlflow.user": getpass.getuser(),
    }.items() <= held.data.tags.items()
    metrics = json.loads((REPORTS / "evaluation" / "metrics.json").read_text())
    assert held.data.params["protocol.split_hash"] == manifest.splits["test"].hash
    assert held.data.metrics["test/l1"] == metrics["test"]["l1"]
    assert held.data.metrics["test/baseline_identity/l1"] == metrics["baselines"]["identity"]["l1"]
    assert [item.model_id for item in held.inputs.model_inputs] == [version.tags[LOGGED_TAG]]
    shown = {
        (metric.key, metric.value, metric.dataset_digest)
        for metric in client.get_logged_model(version.tags[LOGGED_TAG]).metrics
        if metric.run_id == run_id
    }
    digest = manifest.data_hash[:16]
    assert shown == {(key, value, digest) for key, value in held.data.metrics.items()}
    for name in OUTPUTS:
        path = Path(client.download_artifacts(run_id, f"reports/{name}"))
        assert path.read_bytes() == (REPORTS / "evaluation" / name).read_bytes()


def test_a_version_is_scored_in_another_mode_than_its_own(workspace: Path, uri: str) -> None:
    """As a model would be whose training had chosen that mode; the version shows its own scores."""
    train(0)
    register_model()
    own = load_card(MODELS).inference_mode
    other = "deterministic" if own == "published" else "published"
    own_run = evaluated(f"{MODEL}/1", uri)
    client = MlflowClient(uri)
    model_id = client.get_model_version(MODEL, "1").tags[LOGGED_TAG]
    shown = client.get_logged_model(model_id).to_dictionary()

    evaluate(model=f"{MODEL}/1", mode=other)

    scored = json.loads((REPORTS / "evaluation/metrics.json").read_text())
    assert scored["protocol"]["inference_mode"] == other
    experiment = client.get_experiment_by_name("pix2pix-evaluations")
    found = client.search_runs([experiment.experiment_id])
    [run_of_mode] = [each for each in found if each.info.run_id != own_run]
    assert run_of_mode.info.run_name == f"{MODEL}/1 on smoke-drawn, {other}"
    assert client.get_logged_model(model_id).to_dictionary() == shown
    change_card(inference_mode=other)
    run(stage.main)
    expected = json.loads((REPORTS / "metrics.json").read_text())
    assert scored["test"] == expected["test"]


def test_evaluating_again_is_the_same_run(workspace: Path, uri: str) -> None:
    train(0)
    register_model()
    run_id = evaluated(f"{MODEL}/1", uri)
    model_id = MlflowClient(uri).get_model_version(MODEL, "1").tags[LOGGED_TAG]
    held = everything(uri, run_id)
    shown = MlflowClient(uri).get_logged_model(model_id).to_dictionary()
    assert evaluated(f"{MODEL}/1", uri) == run_id
    again = everything(uri, run_id)
    held.pop("times")  # it ended again
    again.pop("times")
    assert again == held
    assert MlflowClient(uri).get_logged_model(model_id).to_dictionary() == shown


def test_an_evaluation_is_no_report_of_the_training(workspace: Path, uri: str) -> None:
    train(0)
    run_id = register_model()["run_id"]
    held = everything(uri, run_id)
    evaluated(f"{MODEL}/1", uri)
    register_model()
    assert everything(uri, run_id) == held


@pytest.mark.parametrize(
    ("reference", "message"),
    [(f"{MODEL}/7", "has no version 7; there are the versions 1"), ("x", "registered model 'x'")],
)
def test_a_version_that_is_not_there_is_named(
    workspace: Path, reference: str, message: str
) -> None:
    train(0)
    register_model()
    with pytest.raises(ValueError, match=message):
        evaluate(model=reference)
    assert not (REPORTS / "evaluation").exists()


def test_data_that_does_not_fit_the_model_is_refused(workspace: Path) -> None:
    card = train(0)
    source = dataclasses.replace(card.source, value_range=(0.0, 100.0))
    change_card(source=source)
    register_model()
    message = (
        rf"{MODEL} version 1 does not fit data/prepared: its source value range is \[0\.0, 100\.0\]"
    )
    with pytest.raises(ValueError, match=message):
        evaluate(model=f"{MODEL}/1")


def test_the_stage_still_refuses_a_model_of_other_data(workspace: Path) -> None:
    train(0)
    change_card(data_hash="e" * 64)
    with pytest.raises(ValueError, match=f"{MODELS} was trained on other data than {PREPARED}"):
        stage.main()
