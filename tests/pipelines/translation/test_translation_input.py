"""What the names of INPUT and OUTPUT tell, before a model is loaded."""

from pathlib import Path

import pytest

from pipelines.translation.translation_input import (
    FILM_SUFFIXES,
    check_film_output,
    check_image_output,
    kind_of_input,
)
from pix2pix.errors import UserError
from pix2pix.film.encoding import FILE_KINDS

OUT = Path("out")


@pytest.mark.parametrize(
    ("name", "result", "kind"),
    [
        ("x.png", "out.png", "image"),
        ("x.JPG", "out", "image"),
        ("x.nii.gz", "out", "image"),
        ("x.gif", "out.mp4", "film"),  # an animated one
        ("x.gif", "out.png", "image"),
        ("x.mp4", "out.mp4", "film"),
        ("x.mp4", "out.png", "film"),  # which is refused later, as the name of a film
        ("x", "out.mp4", "film"),
    ],
)
def test_the_kind_is_told_by_the_names(tmp_path: Path, name: str, result: str, kind: str) -> None:
    (tmp_path / name).touch()
    assert kind_of_input(tmp_path / name, Path(result)) == kind
    assert kind_of_input(tmp_path, Path(result)) == "folder"


def test_a_missing_input_and_an_unsupported_image_are_named(tmp_path: Path) -> None:
    for name in ("none", "none.png", "none.mp4"):
        with pytest.raises(UserError, match=rf"{name} does not exist; correct the name of INPUT"):
            kind_of_input(tmp_path / name, OUT)
    (tmp_path / "x.HEIC").touch()
    with pytest.raises(UserError, match=r"x\.HEIC: \.heic files are not supported; convert it"):
        kind_of_input(tmp_path / "x.HEIC", OUT)


@pytest.mark.parametrize("name", ["README.md", "x", "x.avi"])
@pytest.mark.parametrize("result", ["out.png", "out"])
def test_a_file_of_another_kind_is_named_with_the_kinds_that_are_read(
    tmp_path: Path, name: str, result: str
) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UserError) as caught:
        kind_of_input(tmp_path / name, Path(result))
    message = str(caught.value)
    assert f"{name} is no image that is read (.png, " in message
    assert "convert it to PNG" in message
    assert message.endswith("name OUTPUT as one (.mp4, .m4v, .mov, .mkv, .webm)")


def test_films_have_the_suffixes_that_can_be_written() -> None:
    assert tuple(FILE_KINDS) == FILM_SUFFIXES


def test_a_result_replaces_neither_its_source_nor_another_file_unasked(tmp_path: Path) -> None:
    source, other = tmp_path / "x.png", tmp_path / "other.png"
    source.write_text("mine")
    other.write_text("mine")
    for check in (check_image_output, check_film_output):
        with pytest.raises(UserError, match=r"x\.png is INPUT itself; name another file"):
            check(source, source, overwrite=True)
        with pytest.raises(UserError, match=r"other\.png exists; .*--overwrite"):
            check(source, other, overwrite=False)
        check(source, other, overwrite=True)
        check(source, tmp_path / "new.png", overwrite=False)


def test_an_image_is_written_into_a_folder_or_in_a_format_that_keeps_it(tmp_path: Path) -> None:
    source = tmp_path / "x.png"
    source.touch()
    for name in ("new", "", "new.tiff"):
        check_image_output(source, tmp_path / name, overwrite=False)
    with pytest.raises(UserError, match=r"new\.jpg: images are written as \.png, or as \.tif"):
        check_image_output(source, tmp_path / "new.jpg", overwrite=False)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: images are written as \.png"):
        check_image_output(source, tmp_path / "file", overwrite=True)


def test_a_film_is_not_written_over_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; name the film"):
        check_film_output(tmp_path / "x.mp4", tmp_path, overwrite=True)


@pytest.mark.parametrize("above", ["file", "circle"])
def test_a_result_below_what_is_no_folder_is_refused(tmp_path: Path, above: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    said = rf"/{above} is no folder; name one for the results$"
    with pytest.raises(UserError, match=said):
        check_image_output(tmp_path / "x.png", tmp_path / above / "deep" / "y.png", overwrite=True)
    with pytest.raises(UserError, match=said):
        check_image_output(tmp_path / "x.png", tmp_path / above / "deep", overwrite=True)
    with pytest.raises(UserError, match=said):
        check_film_output(tmp_path / "x.mp4", tmp_path / above / "y.mp4", overwrite=True)
