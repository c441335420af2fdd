from pathlib import Path

import pytest

from pipelines.translation.unfinished_film import unfinished_folder


@pytest.mark.parametrize("name", ["x" * 251 + ".mp4", "é" * 125 + ".mp4", "x" * 239 + ".mp4"])
def test_a_film_may_have_the_longest_name(name: str, tmp_path: Path) -> None:
    """The next call finds the parts again, and another film has another folder."""
    part = "000000.nut"
    with unfinished_folder(tmp_path / name, {"crf": 1}, discard_other=False) as folder:
        (folder / part).touch()
    with unfinished_folder(tmp_path / name, {"crf": 1}, discard_other=False) as folder:
        assert (folder / part).exists()
    with unfinished_folder(tmp_path / f"y{name[1:]}", {"crf": 1}, discard_other=False) as other:
        assert other.parent == folder.parent == tmp_path
        assert not (other / part).exists()


def test_the_folder_is_named_after_the_film_where_that_is_short_enough(tmp_path: Path) -> None:
    for stem, name in (("x", ".x.mp4.unfinished"), ("x" * 239, f".{'x' * 239}.mp4.unfinished")):
        with unfinished_folder(tmp_path / f"{stem}.mp4", {}, discard_other=False) as folder:
            assert folder.name == name
