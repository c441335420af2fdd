"""Folders are translated on a Ray cluster as on this machine alone."""

import errno
import logging
from pathlib import Path

import pytest

from pipelines.translation.cluster_translation import translate_on_cluster
from pipelines.translation.translated_files import translate_files
from pipelines.translation.translation_plan import SourceImage, planned
from pipelines.translation.translator_options import TranslatorOptions
from pix2pix.errors import StorageError
from tests.support.exports import side
from tests.support.several_sources import make, scene
from tests.support.small_sets import save

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.usefixtures("cluster")]

NUM_SCENES = 35  # more than two tasks, so that processes of the cluster share them


def test_models_of_several_sources_give_the_same_files_failures_and_warnings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    translator = make(tmp_path / "model", "published", target=side(2))
    for number in range(NUM_SCENES):
        images = scene(8 + number, 20, seed=number)
        if number in (3, 30):
            images["depth"][0, 0] = 12.0  # a little more than in the training
        for name, image in images.items():
            suffix = ".npy" if name == "depth" else ".png"
            save(tmp_path / name / f"{number:02d}{suffix}", image)
    (tmp_path / "photo" / "04.png").write_text("broken")
    (tmp_path / "depth" / "20.npy").unlink()
    extra_dirs = {name: tmp_path / name for name in ("depth", "photo")}

    def plan(output: str) -> dict[SourceImage, Path]:
        return planned(
            tmp_path / "source",
            tmp_path / output,
            source=translator.card.source,
            target=translator.card.target,
            extra_dirs=extra_dirs,
        )

    alone = translate_files(translator, plan("alone"))
    warnings = _warnings(caplog)
    caplog.clear()
    together = translate_on_cluster(tmp_path / "model", plan("together"), TranslatorOptions())
    assert together == alone
    assert _warnings(caplog) == warnings
    assert len(warnings) == 2
    assert [source.path.stem for source in together] == ["04", "20"]
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / output).iterdir()}
        for output in ("alone", "together")
    ]
    assert len(contents[0]) == NUM_SCENES - 2
    assert contents[0] == contents[1]
    assert len(set(contents[0].values())) == NUM_SCENES - 2


def test_relative_paths_are_those_of_the_current_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes of a cluster have another one."""
    make(tmp_path / "model", "published", target=side(2))
    for name, image in scene(8, 20, seed=0).items():
        save(tmp_path / name / f"0{'.npy' if name == 'depth' else '.png'}", image)
    monkeypatch.chdir(tmp_path)
    extra_paths = (("depth", Path("depth/0.npy")), ("photo", Path("photo/0.png")))
    plan = {SourceImage(Path("source/0.png"), extra_paths=extra_paths): Path("out/0.tif")}
    assert translate_on_cluster(Path("model"), plan, TranslatorOptions()) == {}
    assert (tmp_path / "out" / "0.tif").is_file()


def test_a_file_that_cannot_be_written_is_named_with_the_cause(tmp_path: Path) -> None:
    make(tmp_path / "model", "published", target=side(2))
    for name, image in scene(8, 20, seed=0).items():
        save(tmp_path / name / f"0{'.npy' if name == 'depth' else '.png'}", image)
    extra_paths = tuple((name, next((tmp_path / name).iterdir())) for name in ("depth", "photo"))
    image = SourceImage(next((tmp_path / "source").iterdir()), extra_paths=extra_paths)
    (tmp_path / "file").touch()
    plan = {image: tmp_path / "file" / "0.tif"}
    with pytest.raises(StorageError, match=r"file/0\.tif cannot be written") as caught:
        translate_on_cluster(tmp_path / "model", plan, TranslatorOptions())
    assert caught.value.errno == errno.EEXIST  # it says whether trying again may help


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "the model was trained on" in record.getMessage()
    ]
