import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from onnx import ModelProto, numpy_helper
from PIL import Image
from safetensors.torch import load_file, save_file

from pipelines import page_runtime
from pipelines.entrypoint import run
from pipelines.registry.export import export_model
from pipelines.registry.model_source import model_source
from pipelines.registry.provenance import read_provenance
from pipelines.registry.provenance_text import provenance_topics
from pix2pix.errors import UserError
from pix2pix.export import folder
from pix2pix.inference import Translator
from tests.support.exports import make_model
from tests.support.model_folders import source_image
from tests.support.page_runtime import installed_runtime
from tests.support.registered_project import (
    MODEL,
    MODELS,
    PREPARED,
    change_card,
    register_model,
    train,
)
from tests.support.tracked_project import ORIGIN, write_picture

FILES = {
    "README.md",
    "deterministic.onnx",
    "deterministic.pt2",
    "example.py",
    "export.json",
    "published.masks.npz",
    "published.onnx",
    "published.pt2",
}


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def refused(capsys: pytest.CaptureFixture[str], **arguments: Any) -> str:
    """What the command says when it fails with exit code 1."""
    with pytest.raises(SystemExit) as caught:
        run(lambda: export_model(**arguments))
    assert caught.value.code == 1
    return capsys.readouterr().err


@pytest.mark.slow
def test_a_champion_is_exported_with_its_scores_lineage_and_page(
    workspace: Path, uri: str, tmp_path: Path
) -> None:
    installed_runtime()
    train(0)
    change_card(inference_mode="published")
    for name in ("best", "worst"):
        (Path("reports") / "panels").mkdir(exist_ok=True)
        write_picture(Path("reports") / "panels" / f"{name}.png", seed=1)
    registration = register_model()
    PREPARED.unlink()  # as on another machine: the examples are files of the run
    export_model(f"models:/{MODEL}@champion", tmp_path / "out")
    assert names(tmp_path / "out") == FILES | {"index.html"}

    described = json.loads((tmp_path / "out" / "export.json").read_text())
    assert described["model"] == f"{MODEL} version 1"
    # The same facts as `pix2pix lineage` shows.
    client = MlflowClient(uri)
    told = provenance_topics(read_provenance(client, MODEL))
    assert [(name, line) for name, lines in described["lineage"].items() for line in lines] == [
        *told
    ]
    assert described["lineage"]["commit"][0] == ORIGIN.commit
    assert registration["run_id"] in described["lineage"]["MLflow run"][0]
    assert described["errors_measured_on"].endswith("dev images")
    assert described["scores"] == json.loads(Path("reports/metrics.json").read_text())["test"]
    assert described["protocol"]["split_hash"] == "h"
    for file in described["files"]:
        assert (tmp_path / "out" / file["name"]).stat().st_size == file["num_bytes"]
        assert 0 <= file["largest_difference"] < described["tolerance"]

    page = (tmp_path / "out" / "index.html").read_text()
    shown = page.replace("<wbr>", "")  # where names may be broken
    for text in (
        f"{MODEL} version 1",
        "0.25",  # the test L1
        ORIGIN.commit,
        registration["run_id"],
        "train.learning_rate",
        "the test images with the lowest L1",
        "published.onnx",
        "example 1",  # a source of the dev split
    ):
        assert text in shown, text
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in shown

    # The example answers with the translator's pixels.
    Image.fromarray(source_image()).save(tmp_path / "in.png")
    command = [sys.executable, "example.py", tmp_path / "in.png", tmp_path / "out.png"]
    subprocess.run(command, cwd=tmp_path / "out", check=True)
    expected = Translator.load(MODELS).translate(source_image())
    difference = np.asarray(Image.open(tmp_path / "out.png")).astype(int) - expected
    assert np.abs(difference).max() <= 1


@pytest.mark.slow
def test_a_folder_is_exported_without_what_is_not_known_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "model", mode="deterministic")
    export_model("model", Path("out"), modes=["deterministic"], smaller=["fp16"], has_page=False)
    expected = {name for name in FILES if not name.startswith("published")}
    assert names(tmp_path / "out") == expected | {"deterministic.fp16.onnx"}
    assert names(tmp_path) == {"model", "out"}
    described = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (described["model"], described["scores"]) == ("test (folder model)", None)
    assert described["errors_measured_on"] == "a random image"
    (error,) = (file["error"] for file in described["files"] if "error" in file)
    text = (tmp_path / "out" / "README.md").read_text()
    assert f"| {error['largest']:.2g} | {error['mean']:.2g} |" in text


@pytest.mark.slow
def test_a_model_of_damaged_weights_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "model", mode="deterministic")
    path = tmp_path / "model" / "generator.safetensors"
    weights = load_file(path)
    weights["down.1.conv.weight"][0, 0, 0, 0] = float("nan")
    save_file(weights, path)
    options = {"modes": ["deterministic"], "has_page": False}
    said = refused(capsys, reference="model", output_dir=Path("out"), **options)
    assert "deterministic.pt2 would differ from the inference network by nan" in said
    assert names(tmp_path) == {"model"}


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a defect of a converter would leave it: one bias is off by a thousandth."""
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "model", mode="deterministic")
    exact = folder.onnx_model

    def inexact(*arguments: Any) -> ModelProto:
        model = exact(*arguments)
        bias = next(each for each in model.graph.initializer if list(each.dims) == [3])
        changed = numpy_helper.to_array(bias) + np.float32(1e-3)
        bias.CopyFrom(numpy_helper.from_array(changed, bias.name))
        return model

    monkeypatch.setattr(folder, "onnx_model", inexact)
    options = {"modes": ["deterministic"], "has_page": False}
    said = refused(capsys, reference="model", output_dir=Path("out"), **options)
    assert "deterministic.onnx would differ from the inference network by 0.00" in said
    assert names(tmp_path) == {"model"}


def test_bad_places_and_models_are_one_message_and_change_nothing(
    tmp_path: Path,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("full", "empty", "model"):
        (tmp_path / name).mkdir()
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "full" / "mine.txt").write_text("mine")
    before = names(tmp_path)
    options = {"has_page": False}

    def said(reference: str, output: str) -> str:
        return refused(capsys, reference=reference, output_dir=Path(output), **options)

    assert "full is not empty; name a new folder" in said("model", "full")
    assert "full/mine.txt is no folder; name a new one" in said("model", "full/mine.txt")
    assert "circle is no folder; name a new one" in said("no model", "circle/out")
    assert "generator.safetensors is missing, so model is no model folder" in said("model", "empty")
    assert "has no version of a registered model 'nobody'" in said("nobody@champion", "out")
    assert names(tmp_path) == before
    assert names(tmp_path / "empty") == set()
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_a_missing_runtime_is_named_with_its_command_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_runtime, "WASM_NAME", "missing.wasm")
    with pytest.raises(
        UserError, match=r"run `make web` .* or leave the page out with `--no-page`"
    ):
        export_model("no-such-model", tmp_path / "out")
    assert names(tmp_path) == set()


def test_reports_of_another_training_are_not_taken_for_those_of_the_model(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The project has trained again since, and the model folder of before is exported."""
    train(0)
    with model_source("models") as source:
        assert source.project_dir == workspace
    MODELS.rename("before")
    train(1)
    with model_source("before") as source:
        assert source.project_dir is None
    assert "the export has no reports: there is no reports/train.json" in caplog.text
