"""What the names of the files tell before any pixel is read."""

from pathlib import Path

import pytest

from pix2pix.preparation.quick_checks import check_names
from tests.support.small_sets import make_config


def touch(root: Path, *names: str) -> None:
    """Files that hold nothing, since only their names are looked at."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def pairs(*names: str) -> list[str]:
    return [f"{side}/{name}.png" for side in "AB" for name in names]


def test_sound_names_are_paired(tmp_path: Path) -> None:
    touch(tmp_path, *pairs("x", "y", "z"))
    found = check_names(tmp_path, make_config())
    assert [pair.pair_id for pair in found.pairs] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"holds no images .*correct data\.path, data\.folder_a or data\.folder_b"),
        (["A/x.png", "A/y.png"], r"\(folder 'B'\) holds no images"),
        (
            pairs("x", "y"),
            r"the splits train, test, dev need at least 3 pairs or groups, and 2 were found",
        ),
        (
            [*pairs("train/x", "train/y", "train/z", "test/x"), "A/test/y.png"],
            r"A/test/y\.png: .*; each folder needs a file .*, or set data\.on_bad_pair: exclude$",
        ),
        (pairs("test/x", "test/y"), r"no pairs to train on: found folders test"),
        (
            ["A/x.png", "B/y.png"],
            r": 2 offences\nmissing partner \(2\): each folder needs .*\n  A/x\.png: .*"
            r"\n  B/y\.png: side B has no partner on side A$",
        ),
        (
            [*pairs("x", "y", "z"), "A/lone.png", "A/x.jpg"],
            r": 2 offences\nmissing partner \(1\): .*\n  A/lone\.png: .*\nsame stem \(1\): .*"
            r"\n  A/x\.jpg, A/x\.png: .*\nOr set data\.on_bad_pair: exclude, which leaves these",
        ),
    ],
)
def test_what_prepare_would_stop_at_is_refused_with_the_folder(
    tmp_path: Path, names: list[str], message: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(ValueError, match=message) as error:
        check_names(tmp_path, make_config())
    assert str(tmp_path) in str(error.value)


def test_bad_pairs_that_are_left_out_are_no_obstacle(tmp_path: Path) -> None:
    touch(tmp_path, *pairs("x", "y", "z"), "A/lone.png")
    config = make_config(on_bad_pair="exclude")
    assert len(check_names(tmp_path, config).pairs) == 3
    (tmp_path / "B" / "z.png").unlink()
    with pytest.raises(ValueError, match="need at least 3"):
        check_names(tmp_path, config)


def test_one_side_alone_is_not_cut_into_halves(tmp_path: Path) -> None:
    touch(tmp_path, "A/x.png", "A/y.png", "A/z.png")
    config = make_config(layout="side_by_side")
    with pytest.raises(ValueError, match=r"holds images in A: each would be cut into two halves"):
        check_names(tmp_path, config)
    touch(tmp_path, "B/x.png", "B/y.png", "B/z.png")
    with pytest.raises(ValueError, match=r"holds images in A and B: each would be cut"):
        check_names(tmp_path, config)
