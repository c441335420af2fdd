"""`pix2pix use PRESET --data DIR`: parameters for a folder of the user's images."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines.repository.presets import preset_sentences, use_preset
from pipelines.repository.user_folder import use_preset_for
from pix2pix.config import DataConfig, load_params
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.small_sets import noise, save

ROOT = Path(__file__).parents[3]
PHOTO_TASKS = (
    "edges-to-object",
    "design-to-product",
    "colourise",
    "colour-to-grey",
    "photo-to-edges",
    "photo-to-sketch",
    "inpaint",
    "denoise",
    "super-resolve",
)
PAIR_TASKS = ("labels-to-photo", "day-to-night", "aerial-to-map", "map-to-aerial")
NUM_IMAGES = 5
SIDE_PX = 160


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the presets and the default in force."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "params", folder / "params")
    use_preset("default", folder)
    return folder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty folder for images, beside the project."""
    folder = tmp_path / "my photos (2026)"
    folder.mkdir()
    return folder


def write(folder: Path, *, width: int = SIDE_PX) -> None:
    for index in range(NUM_IMAGES):
        image = noise(index, size=max(width, SIDE_PX))[:SIDE_PX, :width]
        save(folder / f"{index}.png", image)


def used(project: Path, task: str, data_dir: Path) -> DataConfig:
    use_preset_for(task, data_dir, project)
    return load_params(project / "params.yaml").data


def test_each_task_has_a_preset_with_a_sentence() -> None:
    sentences = preset_sentences(ROOT)
    tasks = {name.removeprefix("tasks/") for name in sentences if name.startswith("tasks/")}
    assert tasks == {*PHOTO_TASKS, *PAIR_TASKS}
    assert all(sentence.endswith(".") and len(sentence) < 160 for sentence in sentences.values())


@pytest.mark.parametrize("task", PHOTO_TASKS)
def test_a_folder_of_photos_is_sound_data_for_the_task(
    project: Path, data_dir: Path, task: str
) -> None:
    write(data_dir)
    config = used(project, task, data_dir)
    assert (config.name, config.path) == (f"{task}-my-photos-2026", str(data_dir))
    report = check_pairs(data_dir, config, num_workers=1)
    assert (len(report.pairs), report.offences) == (NUM_IMAGES, ())


@pytest.mark.parametrize("task", PAIR_TASKS)
@pytest.mark.parametrize("layout", ["two_folders", "side_by_side"])
def test_a_folder_of_pairs_is_sound_data_for_the_task(
    project: Path, data_dir: Path, task: str, layout: str
) -> None:
    if layout == "two_folders":
        for number, side in enumerate("AB"):
            for index in range(NUM_IMAGES):
                save(data_dir / side / f"{index}.png", noise(9 * number + index, size=SIDE_PX))
    else:
        write(data_dir, width=2 * SIDE_PX)
    config = used(project, task, data_dir)
    assert (config.source, config.layout) == ("folder", layout)
    assert not check_pairs(data_dir, config, num_workers=1).offences


def test_the_archive_of_night2day_has_the_night_on_the_left(project: Path, data_dir: Path) -> None:
    """Published as A night, B day; the task is day to night."""
    for split in ("train", "val", "test"):
        for index in range(2):
            night, day = (np.full((SIDE_PX, SIDE_PX, 3), level) for level in (20, 200))
            grain = noise(index + 5 * len(split), size=2 * SIDE_PX)[:SIDE_PX] // 8
            pair = (np.concatenate([night, day], axis=1) + grain).astype(np.uint8)
            save(data_dir / split / f"{index}.jpg", pair)
    use_preset("day-to-night", project)
    published = load_params(project / "params.yaml").data
    assert (published.source, published.archive.dataset) == ("archive", "night2day")
    config = used(project, "day-to-night", data_dir)
    assert config.direction == published.direction
    prepare_pairs(data_dir, data_dir.parent / "prepared", config, num_workers=1)
    test = open_split(data_dir.parent / "prepared", "test")
    assert np.mean(test.source[0]) > 180  # the day
    assert np.mean(test.target[0]) < 60


def _empty(_folder: Path) -> None:
    pass


def _no_photo(folder: Path) -> None:
    (folder / "notes.txt").write_text("none")


def _unread(folder: Path) -> None:
    (folder / "x.heic").write_bytes(b"\0")


def _one_side(folder: Path) -> None:
    write(folder / "A")


def _both_sides(folder: Path) -> None:
    write(folder / "A")
    write(folder / "B")


def _labels(folder: Path) -> None:
    for index in range(NUM_IMAGES):
        ids = np.random.default_rng(index).integers(0, 4, (10, 10, 1)).repeat(3, axis=2) * 60
        save(folder / f"{index}.png", ids.repeat(16, 0).repeat(16, 1).astype(np.uint8))


def _broken(folder: Path) -> None:
    write(folder)
    (folder / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def _small(folder: Path) -> None:
    for index in range(NUM_IMAGES):
        save(folder / f"{index}.png", noise(index, size=60))


def _two_photos(folder: Path) -> None:
    for index in range(2):
        save(folder / f"{index}.png", noise(index, size=SIDE_PX))


def _flat(folder: Path) -> None:
    write(folder)
    save(folder / "0.png", np.full((SIDE_PX, SIDE_PX, 3), 9, np.uint8))


def _grey(folder: Path) -> None:
    for number, side in enumerate("AB"):
        for index in range(NUM_IMAGES):
            save(folder / side / f"{index}.png", noise(9 * number + index, 1, size=SIDE_PX))


def _photos_3_to_2(folder: Path) -> None:
    write(folder, width=SIDE_PX * 3 // 2)


def _other_names(folder: Path) -> None:
    write(folder / "night")
    write(folder / "day")


@pytest.mark.parametrize(
    ("task", "fill", "message"),
    [
        ("colourise", _empty, "holds no images"),
        ("labels-to-photo", _empty, "holds no images"),
        ("colourise", _no_photo, "holds no images"),
        ("colourise", _unread, r"x\.heic.*not supported; convert"),
        ("colourise", _broken, r"0\.png: is truncated.*replace or remove"),
        (
            "colourise",
            _small,
            r"\(5\): lower data\..*\n  0\.png: 60x60 px, smaller than data\.image",
        ),
        (
            "colourise",
            _two_photos,
            r"the splits train, test, dev need at least 3 pairs or groups, and 2.*; add",
        ),
        ("colourise", _flat, r"0\.png: side A is one flat colour"),
        (
            "labels-to-photo",
            _grey,
            r"channel(.|\n)*\nTo set .* run `pix2pix use labels-to-photo` without",
        ),
        ("colourise", _both_sides, "folders A and B"),
        ("edges-to-object", _labels, r"label maps.*correct data\.path"),
        ("aerial-to-map", _one_side, r"folder 'B'\) holds no images"),
        ("labels-to-photo", write, r"needs both sides.*0\.png \(160x160 px\).*put the sides into"),
        ("labels-to-photo", _photos_3_to_2, r"0\.png \(240x160 px\) look like one image each"),
    ],
)
def test_a_folder_without_what_the_task_needs_is_refused_and_nothing_written(
    project: Path, data_dir: Path, task: str, fill: object, message: str
) -> None:
    fill(data_dir)  # type: ignore[operator]
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(UserError, match=message) as error:
        use_preset_for(task, data_dir, project)
    assert str(data_dir) in str(error.value)
    assert (project / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("num", "looked_at"),
    [(12, ""), (13, " in 7 of 13 pairs, the only ones that were looked at")],
)
def test_offences_of_a_few_pairs_of_many_are_not_told_as_those_of_all(
    project: Path, data_dir: Path, num: int, looked_at: str
) -> None:
    for index in range(num):
        save(data_dir / f"{index:02d}.png", noise(index, size=60))
    with pytest.raises(UserError) as error:
        use_preset_for("colourise", data_dir, project)
    head = str(error.value).partition("\n")[0]
    assert head == f"{data_dir}: {12 if num == 12 else 7} offences{looked_at}"


def test_a_remedy_that_sets_parameters_says_how_and_is_given_once(
    project: Path, data_dir: Path
) -> None:
    _other_names(data_dir)
    with pytest.raises(UserError) as error:
        use_preset_for("day-to-night", data_dir, project)
    message = str(error.value)
    assert message.count("set data.folder_a: day and data.folder_b: night") == 1
    assert message.count("folder_a") == message.count("two_folders") == 1
    assert message.endswith(
        "run `pix2pix use day-to-night` without --data, then set data.source: folder, "
        f"data.path: {data_dir} and the others in params.yaml"
    )


def test_folders_of_the_sides_may_be_in_small_letters(project: Path, data_dir: Path) -> None:
    for side, first in (("a", 0), ("b", 100)):
        for index in range(NUM_IMAGES):
            save(data_dir / "train" / side / f"{index}.png", noise(first + index, size=SIDE_PX))
    config = used(project, "aerial-to-map", data_dir)
    assert (config.layout, config.folder_a, config.folder_b) == ("two_folders", "a", "b")
    assert not check_pairs(data_dir, config, num_workers=1).offences


def test_what_a_few_files_cannot_tell_is_left_to_prepare(project: Path, data_dir: Path) -> None:
    """Photos of which the second alone is large enough for a crop; the first is looked at."""
    for index in range(13):
        save(data_dir / f"{index:02d}.png", noise(index, size=SIDE_PX if index == 1 else 100))
    config = used(project, "denoise", data_dir)
    assert config.resize == "none"
    assert not check_pairs(data_dir, config, num_workers=1).offences


def test_a_missing_folder_and_an_output_folder_are_refused(project: Path, data_dir: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(UserError, match="is missing"):
        use_preset_for("colourise", data_dir / "none", project)
    (project / "data/raw/mine").mkdir(parents=True)
    with pytest.raises(UserError, match="overlaps data/raw"):
        use_preset_for("colourise", Path("data/raw/mine"), project)
    assert (project / "params.yaml").read_bytes() == before


def test_a_name_that_no_preset_has_is_refused_with_all_names(project: Path) -> None:
    with pytest.raises(UserError, match=r"'colour' is no preset.* colourise"):
        use_preset("colour", project)
