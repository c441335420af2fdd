"""`pix2pix translate`: what its options ask of the translation of each kind of input."""

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.translation.translate_film import FilmOptions
from pipelines.translation.translate_folder import TranslatedFolder, counts
from pipelines.translation.translator_options import TranslatorOptions
from tests.support.films import moving_square, write_film

PLAIN = TranslatorOptions(scale="training", mode=None, max_memory_gib=None, from_photo=False)
CHANGED = TranslatorOptions(scale="native", mode="published", max_memory_gib=2.0, from_photo=False)
CHANGES = ["--scale", "native", "--mode", "published", "--max-memory-gib", "2"]

Asked = list[dict[str, Any]]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the translations are asked for, in a folder with an input of each kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    Path("photos").mkdir()
    for path in ("photos/a.png", "a.png"):
        cv2.imwrite(path, np.zeros((8, 8, 3), np.uint8))
    write_film(Path("a.mp4"), moving_square(2))
    asked: Asked = []

    def translate(_client: Any, model: str, **options: Any) -> Any:
        asked.append({"model": model, **options})
        return SimpleNamespace(files=[], kept=[])

    def translate_film(*given: Any, **options: Any) -> int:
        translate(*given, **options)
        return 2  # frames

    for name, function in (("folder", translate), ("image", translate), ("film", translate_film)):
        monkeypatch.setattr(f"pipelines.translation.translate_{name}.translate_{name}", function)
    monkeypatch.setattr(
        "pipelines.translation.translate_folder.check_all_translated", lambda *_: None
    )
    monkeypatch.setattr("pipelines.tracking.connection.connected", nullcontext)
    return asked


def _translate(*words: str) -> None:
    done = CliRunner().invoke(app, ["translate", "--model", "drawn", *words])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (CHANGES, {"options": CHANGED}),
        (["--keep"], {"existing": "keep"}),
        (["--overwrite"], {"existing": "overwrite"}),
        (["--cluster"], {"on_cluster": True}),
        (["--extra-source", "depth=photos"], {"extra_dirs": {"depth": Path("photos")}}),
    ],
)
def test_options_of_a_folder(options: list[str], changed: dict[str, Any], asked: Asked) -> None:
    _translate("photos", "out", *options)
    plain = {
        "model": "drawn",
        "input_dir": Path("photos"),
        "output_dir": Path("out"),
        "extra_dirs": {},
        "options": PLAIN,
        "existing": "refuse",
        "on_cluster": False,
    }
    assert asked == [plain | changed]


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (CHANGES, {"options": CHANGED}),
        (["--from-photo"], {"options": dataclasses.replace(PLAIN, from_photo=True)}),
        (["--overwrite"], {"overwrite": True}),
    ],
)
def test_options_of_an_image(options: list[str], changed: dict[str, Any], asked: Asked) -> None:
    _translate("a.png", "out.png", *options)
    plain = {
        "model": "drawn",
        "image": Path("a.png"),
        "output": Path("out.png"),
        "options": PLAIN,
        "overwrite": False,
    }
    assert asked == [plain | changed]


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (CHANGES, {"translator": CHANGED}),
        (["--crf", "30"], {"crf": 30}),
        (["--no-sound"], {"with_sound": False}),
        (["--overwrite"], {"overwrite": True}),
    ],
)
def test_options_of_a_film(options: list[str], changed: dict[str, Any], asked: Asked) -> None:
    _translate("a.mp4", "out.mp4", *options)
    plain = {"translator": PLAIN, "crf": None, "with_sound": True, "overwrite": False}
    film = {"model": "drawn", "film": Path("a.mp4"), "output": Path("out.mp4")}
    assert asked == [film | {"options": FilmOptions(**plain | changed)}]


def test_kept_images_are_counted() -> None:
    some = TranslatedFolder(
        model="m",
        version="1",
        model_sha256="0",
        inference_mode="published",
        scale="training",
        from_photo=False,
        files={"a.png": "a.png"},
        failed={},
        left_alone=(),
        kept=("b.png", "c.png"),
        volumes={},
    )
    assert counts(some, Path("out")) == "1 translated, 2 kept; 3 images are in out"
    assert counts(dataclasses.replace(some, kept=()), Path("out")) == "1 image is in out"


def test_names_of_input_and_output_may_begin_with_a_dash(asked: Asked) -> None:
    """As the flow has them: it takes any names."""
    Path("photos").rename("-photos")
    _translate("--keep", "--", "-photos", "--out")
    assert (asked[0]["input_dir"], asked[0]["output_dir"]) == (Path("-photos"), Path("--out"))
