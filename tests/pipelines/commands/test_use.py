"""`pix2pix use`: presets, and folders of photos."""

from pathlib import Path

import pytest

from pipelines.repository.presets import complete_preset
from tests.support.console_command import pix2pix
from tests.support.file_size_limit import files_of_at_most
from tests.support.small_sets import noise, save


@pytest.mark.slow
def test_use_writes_the_complete_preset_and_prints_what_it_replaces(folder: Path) -> None:
    done = pix2pix("use", "smoke")
    assert done.returncode == 0, done.stderr
    assert (folder / "params.yaml").read_text() == complete_preset("smoke", folder)
    *changes, last = done.stdout.splitlines()
    assert "train.num_epochs: 9 -> 2" in changes
    assert last == f"params.yaml holds the preset smoke; {len(changes)} values changed"
    done = pix2pix("use", "smoke")
    assert done.stdout == "params.yaml holds the preset smoke; 0 values changed\n"
    (folder / "params.yaml").unlink()
    assert "there was no valid one before" in pix2pix("use", "default").stdout


@pytest.mark.slow
def test_use_takes_the_paths_that_a_shell_completes(folder: Path) -> None:
    for typed, name in (
        ("params/smoke.yaml", "smoke"),
        ("./params/tasks/denoise.yaml", "denoise"),
        ("tasks/colourise", "colourise"),
    ):
        done = pix2pix("use", typed)
        assert f"params.yaml holds the preset {name};" in done.stdout
        assert (folder / "params.yaml").read_text() == complete_preset(name, folder)


def test_an_unknown_preset_is_one_message_and_exit_code_1(folder: Path) -> None:
    done = pix2pix("use", "smok")
    assert (done.returncode, done.stdout) == (1, "")
    named = "default, reference, smoke, aerial-to-map, "
    assert done.stderr.startswith(
        f"ERROR 'smok' is no preset; did you mean smoke? There are: {named}"
    )
    assert len(done.stderr.splitlines()) == 1
    assert (folder / "params.yaml").read_text() == complete_preset("default", folder)


@pytest.mark.slow
def test_use_lists_the_presets_and_takes_a_folder_of_photos(folder: Path) -> None:
    listed = pix2pix("use", "--list")
    assert "colourise          Black-and-white photos to colour.\n" in listed.stdout
    photos = folder / "photos"
    photos.mkdir()
    before = (folder / "params.yaml").read_text()
    done = pix2pix("use", "colourise", "--data", "photos")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert (folder / "params.yaml").read_text() == before
    for index in range(3):
        save(photos / f"{index}.png", noise(index, size=160))
    done = pix2pix("use", "colourise", "--data", "photos")
    assert (done.returncode, done.stderr) == (0, "")
    assert "data.path: data/raw -> photos" in done.stdout
    assert "data.name: facades-drawn -> colourise-photos" in done.stdout
    assert pix2pix("check").returncode == 0


@pytest.mark.slow
def test_use_says_where_the_images_belong_until_their_folder_exists(folder: Path) -> None:
    for task, said in (
        (
            "labels-to-photo",
            "put your files, each with side A on the left and side B on the right, into "
            "data/labels-to-photo; for another folder, also one with the sides in folders A and B: "
            "pix2pix use labels-to-photo --data DIR",
        ),
        (
            "inpaint",
            "put your photos into data/inpaint; for another folder: pix2pix use inpaint --data DIR",
        ),
    ):
        assert pix2pix("use", task).stdout.splitlines()[-1] == said
        (folder / "data" / task).mkdir(parents=True)
        assert pix2pix("use", task).stdout.endswith("0 values changed\n")


def test_use_keeps_a_file_that_cannot_be_replaced(folder: Path) -> None:
    with files_of_at_most(100):  # the command inherits the limit
        done = pix2pix("use", "smoke")
    assert done.returncode == 1
    [message] = done.stderr.splitlines()
    assert message.startswith("ERROR params.yaml cannot be written")
    assert (folder / "params.yaml").read_text() == complete_preset("default", folder)
