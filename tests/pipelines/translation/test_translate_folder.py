import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.commands.translate import translate
from pipelines.entrypoint import InterruptionError, run
from pipelines.translation import translate_folder
from pix2pix.config import load_params
from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.folders import contents
from tests.support.model_folders import source_image
from tests.support.registered_project import MODEL, MODELS, change_card, register_model, train
from tests.support.small_sets import PARAMS

pytestmark = pytest.mark.slow  # models are registered in each: a second and more

IMAGES = {"a.png": (32, 32), "deep/er/b.png": (40, 51), "val/c.png": (3, 100)}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for name, size in IMAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encode(source_image(*size)))
    return folder


def translated(reference: str, images: Path, output: Path, **options: bool) -> dict[str, object]:
    """The manifest."""
    translate(model=reference, source=images, result=output, **options)
    loaded: dict[str, object] = json.loads((output / "manifest.json").read_text())
    return loaded


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_every_image_is_what_the_translator_makes_of_it(
    mode: str, workspace: Path, images: Path, tmp_path: Path
) -> None:
    (images / "note.txt").write_text("no picture")
    train(0)
    change_card(inference_mode=mode)
    register_model()
    manifest = translated(f"{MODEL}/1", images, tmp_path / "out")
    translator = Translator.load(MODELS)
    written = contents(tmp_path / "out")
    sha256 = manifest.pop("model_sha256")
    assert json.loads(written.pop("manifest.json")) == manifest | {"model_sha256": sha256}
    assert written.keys() == IMAGES.keys()
    for name, size in IMAGES.items():
        expected = translator.translate(source_image(*size))
        assert expected.shape == (*size, 3)
        assert written[name] == encode(expected)
        np.testing.assert_array_equal(decode(written[name]), expected)
    assert manifest == {
        "model": MODEL,
        "version": "1",
        "inference_mode": mode,
        "scale": "training",
        "from_photo": False,
        "volumes": {},
        "files": {name: name for name in IMAGES},
        "failed": {},
        "left_alone": ["note.txt"],
        "kept": [],
    }


def test_a_file_that_is_no_picture_is_named(
    images: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A database of MLflow that an earlier test made has disabled the loggers there were.
    monkeypatch.setattr(translate_folder.logger, "disabled", False)
    note = images / "note.txt"
    note.write_text("no picture")
    assert translate_folder._left_alone(images) == ("note.txt",)
    assert caplog.messages == [f"ignored 1 file of other kinds: {note}"]


def test_photos_become_sources_by_the_recipe_of_the_model(
    workspace: Path, images: Path, tmp_path: Path
) -> None:
    train(0)
    register_model()
    with pytest.raises(UserError, match=r"has no recipe.*leave out --from-photo"):
        translated(f"{MODEL}/1", images, tmp_path / "out", from_photo=True)
    assert not (tmp_path / "out").exists()
    recipe = replace(load_params(PARAMS).data.recipe, kind="mask", hidden_share=0.5)
    change_card(recipe=recipe)
    register_model()
    manifest = translated(f"{MODEL}/2", images, tmp_path / "out", from_photo=True)
    assert manifest["from_photo"] is True
    translator = Translator.load(MODELS, from_photo=True)
    for name in IMAGES:
        written = decode((tmp_path / "out" / name).read_bytes())
        # As in the training, what is hidden depends on the path below the folder.
        pair_id = Path(name).with_suffix("").as_posix()
        expected = translator.translate_file(images / name, pair_id=pair_id)
        np.testing.assert_array_equal(written, expected)
        assert (written != Translator.load(MODELS).translate_file(images / name)).any()


def test_translating_again_gives_the_same_bytes(
    workspace: Path, images: Path, tmp_path: Path
) -> None:
    train(0)
    register_model()
    translated(f"{MODEL}/1", images, tmp_path / "out")
    first = contents(tmp_path / "out")
    (tmp_path / "out" / "a.png").write_text("something else")
    translated(f"{MODEL}/1", images, tmp_path / "out", overwrite=True)
    assert contents(tmp_path / "out") == first
    train(1)
    register_model()
    translated(f"{MODEL}/2", images, tmp_path / "out", overwrite=True)
    assert all(content != first[name] for name, content in contents(tmp_path / "out").items())


def test_bad_images_are_listed_at_the_end_and_the_others_are_there(
    workspace: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(0)
    register_model()
    (images / "broken.png").write_text("hello")
    (images / "val" / "gray.png").write_bytes(encode(source_image()[..., :1]))
    with pytest.raises(SystemExit) as caught:
        run(lambda: translated(f"{MODEL}/1", images, tmp_path / "out") and None)
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert "2 of 5 images could not be translated" in said
    assert f"{images}/broken.png: is no PNG" in said
    assert f"{images}/val/gray.png: has 1 channel, and the model takes 3; convert it" in said
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["files"] == {name: name for name in IMAGES}
    assert set(manifest["failed"]) == {"broken.png", "val/gray.png"}
    assert contents(tmp_path / "out").keys() == {*IMAGES, "manifest.json"}


def test_the_native_scale_has_to_be_asked_for_and_is_recorded(
    workspace: Path, images: Path, tmp_path: Path
) -> None:
    train(0)
    register_model()
    translate(model=f"{MODEL}/1", source=images, result=tmp_path / "out", scale="native")
    written = contents(tmp_path / "out")
    assert json.loads(written.pop("manifest.json"))["scale"] == "native"
    translator = Translator.load(MODELS)
    for name, size in IMAGES.items():
        image = source_image(*size)
        assert written[name] == encode(translator.translate(image, scale="native"))
        is_same = written[name] == encode(translator.translate(image))
        assert is_same is (size == (32, 32))  # the model's own size


def test_nothing_is_written_where_the_model_or_the_folder_is_wrong(
    workspace: Path, images: Path, tmp_path: Path
) -> None:
    train(0)
    register_model()
    with pytest.raises(ValueError, match="has no version 2"):
        translated(f"{MODEL}/2", images, tmp_path / "out")
    with pytest.raises(ValueError, match="overlaps INPUT"):
        translated(f"{MODEL}/1", images, images / "out")
    assert contents(images).keys() == IMAGES.keys()
    assert not (tmp_path / "out").exists()


def test_a_manifest_does_not_outlive_the_images_it_describes(
    workspace: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    register_model()
    translated(f"{MODEL}/1", images, tmp_path / "out")

    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt(signal.SIGTERM)

    monkeypatch.setattr("pipelines.translation.translate_folder.translate_files", killed)
    with pytest.raises(InterruptionError, match="out; with --keep the same command makes") as ended:
        translated(f"{MODEL}/1", images, tmp_path / "out", keep=True)
    assert ended.value.exit_code == 128 + signal.SIGTERM
    with pytest.raises(
        InterruptionError, match="out, and the same command makes all of them again"
    ):
        translated(f"{MODEL}/1", images, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("content", [b'{"name": "my page"}', b"\xff", b"[1]"])
def test_another_s_manifest_is_replaced_on_request_alone(
    content: bytes, workspace: Path, images: Path, tmp_path: Path
) -> None:
    train(0)
    register_model()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.json").write_bytes(content)
    for options in ({}, {"keep": True}):
        with pytest.raises(UserError, match=r"manifest\.json exists and is no list of translated"):
            translated(f"{MODEL}/1", images, tmp_path / "out", **options)
    assert contents(tmp_path / "out") == {"manifest.json": content}
    translated(f"{MODEL}/1", images, tmp_path / "out", overwrite=True)


def test_nothing_is_overwritten_unasked(workspace: Path, images: Path, tmp_path: Path) -> None:
    train(0)
    register_model()
    output = tmp_path / "out"
    first = translated(f"{MODEL}/1", images, output)
    complete = contents(output)
    (output / "a.png").write_text("mine")
    (output / "val" / "c.png").unlink()
    with pytest.raises(UserError, match=r"2 results exist, such as .*a\.png; .*--overwrite"):
        translated(f"{MODEL}/1", images, output)
    with pytest.raises(UserError, match="not both"):
        translated(f"{MODEL}/1", images, output, keep=True, overwrite=True)
    assert (output / "a.png").read_text() == "mine"
    kept = translated(f"{MODEL}/1", images, output, keep=True)
    assert kept == first | {
        "files": {"val/c.png": "val/c.png"},
        "kept": ["a.png", "deep/er/b.png"],
    }
    assert (output / "a.png").read_text() == "mine"
    assert (output / "val" / "c.png").read_bytes() == complete["val/c.png"]


def test_a_cluster_makes_the_same_files_in_order_and_lists_failures(
    workspace: Path, images: Path, cluster: None, tmp_path: Path
) -> None:
    train(0)
    register_model()
    (images / "broken.png").write_text("hello")
    manifests = []
    for name in ("here", "there"):
        with pytest.raises(UserError, match=r"1 of 4 images .*\n.*broken\.png: is no PNG"):
            translated(f"{MODEL}/1", images, tmp_path / name, cluster=name == "there")
        manifests.append((tmp_path / name / "manifest.json").read_text())
    assert manifests[0] == manifests[1]
    assert list(json.loads(manifests[1])["files"]) == sorted(IMAGES)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
