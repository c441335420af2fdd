"""`pix2pix check`: what is wrong with params.yaml or missing in the folder of the data."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from tests.support.console_command import pix2pix


def test_check_names_the_wrong_parameter(folder: Path) -> None:
    assert CliRunner().invoke(app, ["check"]).stdout == "params.yaml is valid\n"
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("image_size: 128", "image_size: 100"))
    done = pix2pix("check")
    assert done.returncode == 1
    assert "data.image_size: Input should be a multiple of 32 (got 100)" in done.stderr
    path.unlink()
    assert "params.yaml is missing; run `pix2pix use default`" in pix2pix("check").stderr


def test_check_says_which_parameters_have_no_effect(folder: Path) -> None:
    path = folder / "params.yaml"
    path.write_text(
        path.read_text()
        .replace("image_size: 128", "image_size: 96")
        .replace("load_size: 143", "load_size: 107")
    )
    done = pix2pix("check")
    assert (done.returncode, done.stdout) == (0, "params.yaml is valid\n")
    assert done.stderr.startswith("WARNING model.dropout: 0.5 has no effect")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "data.path: the folder photos is missing; correct it"),
        ([], "photos holds no images"),
        (["A/x.png", "A/y.png"], "photos (folder 'B') holds no images"),
        (
            ["x.png", "y.png"],
            "photos: the splits train, test, dev need at least 3 pairs or groups, and 2 were found",
        ),
    ],
)
def test_check_names_what_is_missing_in_the_folder_of_the_data(
    folder: Path, files: list[str] | None, said: str
) -> None:
    path = folder / "params.yaml"
    text = path.read_text().replace("source: synthetic", "source: folder")
    text = text.replace("path: data/raw", "path: photos")
    if files and "A" in files[0]:
        text = text.replace("layout: side_by_side", "layout: two_folders")
    path.write_text(text)
    if files is not None:
        (folder / "photos" / "A").mkdir(parents=True)
        for name in files:
            (folder / "photos" / name).touch()
    done = pix2pix("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ERROR {said}")


def test_check_knows_that_a_folder_can_still_be_pulled(folder: Path) -> None:
    path = folder / "params.yaml"
    text = path.read_text().replace("source: synthetic", "source: folder")
    path.write_text(text.replace("path: data/raw", "path: photos/mine"))
    (folder / "photos.dvc").touch()
    done = pix2pix("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "photos/mine is not here yet, `dvc pull` brings it" in done.stdout


def test_check_names_a_film_without_a_partner(folder: Path) -> None:
    path = folder / "params.yaml"
    text = path.read_text().replace("source: synthetic", "source: video")
    text = text.replace("path: data/raw", "path: films").replace("group: null", "group: (.+)/")
    path.write_text(text.replace("layout: side_by_side", "layout: two_folders"))
    (folder / "films" / "A").mkdir(parents=True)
    (folder / "films" / "A" / "x.mp4").touch()
    done = pix2pix("check")
    assert done.returncode == 1
    assert "the film x has no film of the same name in B" in done.stderr


def test_check_names_a_project_folder_where_mlflow_cannot_have_its_database(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    unusable = folder.rename(folder.with_name("my%20project"))
    monkeypatch.chdir(unusable)
    done = pix2pix("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ERROR MLflow cannot have its database at {unusable}/mlflow.db:")
