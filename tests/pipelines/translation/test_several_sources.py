"""Models of several sources: their folders, and the packaged model's named inputs."""

import json
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.registry.package import write_package
from pipelines.translation.translate_folder import translate_folder
from pipelines.translation.translated_files import translate_files
from pipelines.translation.translation_plan import SourceImage, check_folders, planned
from pix2pix.data.manifest import ExtraSourceRecord, SideRecord
from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from pix2pix.models import GeneratorConfig
from tests.support.model_folders import PHOTO, source_image, write_model

DEPTH = SideRecord("image", 1, "float32", (0.0, 10.0), "area")
EXTRA = (ExtraSourceRecord("depth", DEPTH, 1.0),)
GENERATOR = GeneratorConfig(source_channels=4, base_channels=4, depth=5)


@pytest.fixture
def translator(tmp_path: Path) -> Translator:
    write_model(tmp_path / "models", generator=GENERATOR, extra_sources=EXTRA)
    return Translator.load(tmp_path / "models")


def depth_image(height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(8).uniform(0, 10, (height, width, 1)).astype(np.float32)


def write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(image))
    return path


def plan_for(folder: Path) -> dict[SourceImage, Path]:
    extra = {"depth": folder / "depth"}
    return planned(folder / "in", folder / "out", source=PHOTO, target=PHOTO, extra_dirs=extra)


def test_files_of_one_relative_path_are_translated_together(
    tmp_path: Path, translator: Translator
) -> None:
    write(tmp_path / "in/z/a.png", source_image(40, 51))
    write(tmp_path / "depth/z/a.tif", depth_image(40, 51))
    lone = write(tmp_path / "in/b.png", source_image(40, 51))
    unlike = write(tmp_path / "in/c.png", source_image(40, 51))
    write(tmp_path / "depth/c.tif", depth_image(20, 51))
    failures = translate_files(translator, plan_for(tmp_path))
    assert {source.path: reason for source, reason in failures.items()} == {
        lone: "has no file of the same name in the folder of depth",
        unlike: "depth has 51x20 px and source 51x40 px; depth must be as large as source",
    }
    (written,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written == tmp_path / "out/z/a.png"
    images = {"source": source_image(40, 51), "depth": depth_image(40, 51)}
    np.testing.assert_array_equal(decode(written.read_bytes()), translator.translate(images))


def test_two_files_of_one_name_and_bad_folders_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "in/a.png", source_image())
    write(tmp_path / "depth/a.tif", depth_image())
    (tmp_path / "out").mkdir()
    (tmp_path / "depth/a.png").write_bytes(encode(source_image()))
    with pytest.raises(UserError, match=r"a\.png and .*a\.tif have the same name"):
        plan_for(tmp_path)
    for name, message in (("none", "is not a folder"), ("out", "overlaps")):
        extra = {"depth": tmp_path / name}
        with pytest.raises(UserError, match=message) as refused:
            check_folders(tmp_path / "in", tmp_path / "out/deep", extra_dirs=extra)
        assert f"--extra-source depth {extra['depth']}" in str(refused.value)


def test_the_packaged_model_has_named_inputs_and_translates_as_the_translator_does(
    tmp_path: Path, translator: Translator
) -> None:
    images = {"source": source_image(40, 51), "depth": depth_image(40, 51)}
    folder = tmp_path / "package"
    write_package(folder, tmp_path / "models", card=translator.card, example=images, head=Model())
    inputs = Model.load(str(folder)).signature.inputs
    assert [(spec.name, spec.type, spec.shape) for spec in inputs.inputs] == [
        ("source", np.dtype("uint8"), (-1, -1, -1, 3)),
        ("depth", np.dtype("float32"), (-1, -1, -1, 1)),
    ]
    example = json.loads((folder / "serving_input_example.json").read_text())["inputs"]
    assert np.shape(example["depth"]) == (1, 40, 51, 1)
    served = mlflow.pyfunc.load_model(str(folder))
    batch = {name: image[None] for name, image in images.items()}
    np.testing.assert_array_equal(served.predict(batch), translator.translate_batch(batch))
    with pytest.raises(MlflowException, match="depth"):
        served.predict({"source": batch["source"]})


@pytest.mark.parametrize("options", [["depth"], ["=in"], ["depth="], ["d=in", "d=out"]])
def test_a_folder_without_its_name_is_refused_on_the_command_line(
    tmp_path: Path, options: list[str]
) -> None:
    given = [f"--extra-source={option}" for option in options]
    command = ["translate", "--model", "x/1", str(tmp_path), "out", *given]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "must be NAME=DIR" in result.output


@pytest.mark.slow
def test_a_model_without_extra_sources_refuses_their_folders(
    workspace: Path, tmp_path: Path
) -> None:
    from tests.support.registered_project import MODEL, register_model, train

    train(seed=0)
    registration = register_model()
    folders = {name: tmp_path / name for name in ("in", "depth")}
    for folder in folders.values():
        write(folder / "a.png", source_image())
    with pytest.raises(UserError, match="has no extra source, got depth"):
        translate_folder(
            MlflowClient(registration["tracking_uri"]),
            f"{MODEL}/1",
            input_dir=folders["in"],
            output_dir=tmp_path / "out",
            extra_dirs={"depth": folders["depth"]},
        )
    assert not (tmp_path / "out").exists()
