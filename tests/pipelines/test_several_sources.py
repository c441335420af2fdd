"""The whole pipeline on pairs of several sources, and translating with its model."""

import json
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from pipelines.translation.translate_folder import translate_folder
from pix2pix.errors import UserError
from pix2pix.inference import Translator
from tests.support.project import copy_project
from tests.support.scenes import NUM_CLASSES, VOID, write_scenes
from tests.support.served_project import TINY
from tests.support.tracked_project import new_database

_SOURCES = (
    "[{name: depth, folder: depth, side: {kind: image, channels: 1, value_range: [0.0, 10.0]}}, "
    "{name: photo, folder: photo, side: {kind: image, channels: 3}}]"
)


@pytest.mark.pipeline
def test_several_sources_from_files_to_translated_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(tmp_path)
    scenes = write_scenes(tmp_path / "scenes")
    project.set_params(
        "smoke",
        **TINY
        | {
            "source": "folder",
            "path": "scenes",
            "layout": "two_folders",
            "folder_a": "labels",
            "folder_b": "answer",
            "channels": "1",  # of side_a, which comes first
            "num_labels": str(NUM_CLASSES),
            "void_label": str(VOID),
            "encoding": "one_hot",
            "extra_sources": _SOURCES,
            "near_duplicate_bits": "-1",
        },
    )
    new_database(project.folder)
    project.run("dvc", "repro", "register")
    checks = json.loads((tmp_path / "reports/checks.json").read_text())
    assert [line.split(":")[0] for line in checks["sides"]] == [
        "side A", "side B", "side depth", "side photo"
    ]  # fmt: skip

    folders = {name: scenes / "test" / name for name in ("labels", "depth", "photo")}
    (folders["photo"] / "08.png").unlink()
    options = [f"--extra-source={name}={folders[name]}" for name in ("depth", "photo")]
    translate = ["pix2pix", "translate", "--model", "pix2pix-tiny/1", *options]
    done = project.run(*translate, str(folders["labels"]), "out", check=False)
    assert done.returncode == 1
    assert "labels/08.png: has no file of the same name in the folder of photo" in done.stderr
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["02.png"]
    translator = Translator.load(tmp_path / "models")
    images = {
        "source": np.asarray(Image.open(folders["labels"] / "02.png"))[..., None],
        "depth": np.load(folders["depth"] / "02.npy")[..., None],
        "photo": np.asarray(Image.open(folders["photo"] / "02.png")),
    }
    expected = translator.translate(images)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/02.png")), expected)

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    needed = "--extra-source depth=DIR --extra-source photo=DIR, got none"
    with pytest.raises(UserError, match=f"model tiny has the extra sources {needed}"):
        translate_folder(
            MlflowClient(), "pix2pix-tiny/1", input_dir=folders["labels"], output_dir=Path("out")
        )
    served = mlflow.pyfunc.load_model("models:/pix2pix-tiny/1")
    version = MlflowClient().get_model_version("pix2pix-tiny", "1")
    sources = "source: 6 classes + depth: 1 channel float32 + photo: 3 channels uint8"
    assert f"{sources} -> 3 channels uint8" in version.description
    assert served.predict(served.input_example).shape == (1, 32, 32, 3)
    batch = {name: image[None] for name, image in images.items()}
    np.testing.assert_array_equal(served.predict(batch)[0], expected)
