"""Files of unlike names are paired by `data.pair_pattern`, and the pattern is proposed."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from pix2pix.config import DataConfig, load_params
from pix2pix.errors import UserError
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.folders import split_folder
from pix2pix.preparation.pair_keys import key_finder
from pix2pix.preparation.pairs import find_pairs
from tests.support.folders import touch
from tests.support.small_sets import NUM_PAIRS, PARAMS, make_config, noise, save


def pairs(root: Path, **changes: object) -> dict[str, tuple[str, str]]:
    found = find_pairs(root, make_config(**changes))
    assert found.offences == ()
    return {
        pair.pair_id: (
            pair.path_a.relative_to(root).as_posix(),
            pair.path_b.relative_to(root).as_posix(),
        )
        for pair in found.pairs
    }


CITIES = r"^(?P<key>.+)_(leftImg8bit|gtFine_color)$"


def write_cities(root: Path) -> None:
    """Folders and names as in Cityscapes."""
    for split, city in (("train", "aachen"), ("val", "ulm")):
        for index in range(3):
            stem = f"{split}/{city}/{city}_{index:06d}"
            touch(root, f"leftImg8bit/{stem}_leftImg8bit.png")
            for kind in ("gtFine_color", "gtFine_labelIds", "gtFine_instanceIds"):
                touch(root, f"gtFine/{stem}_{kind}.png")


def test_two_folders_with_suffixes_of_their_own_are_paired(tmp_path: Path) -> None:
    write_cities(tmp_path)
    config = make_config(folder_a="gtFine", folder_b="leftImg8bit", pair_pattern=CITIES)

    found = find_pairs(tmp_path, config)

    assert [(pair.pair_id, split_folder(pair.pair_id)) for pair in found.pairs] == [
        *((f"train/aachen/aachen_{index:06d}", "train") for index in range(3)),
        *((f"val/ulm/ulm_{index:06d}", "val") for index in range(3)),
    ]
    assert all(pair.path_a.name.endswith("_gtFine_color.png") for pair in found.pairs)
    assert (found.offences, found.ignored) == ((), ())
    assert len(found.unmatched) == 12
    assert all(name.endswith(("_labelIds.png", "_instanceIds.png")) for name in found.unmatched)


def test_two_files_side_by_side_in_one_folder_are_paired(tmp_path: Path) -> None:
    touch(tmp_path, "x/1_in.png", "x/1_out.jpg", "x/sub/2_in.png", "x/sub/2_out.png", "x/note.png")
    pattern = r"^(?P<key>.+)_((?P<a>in)|(?P<b>out))$"
    config = {"folder_a": "x", "folder_b": "x", "pair_pattern": pattern}

    assert pairs(tmp_path, **config) == {
        "1": ("x/1_in.png", "x/1_out.jpg"),
        "sub/2": ("x/sub/2_in.png", "x/sub/2_out.png"),
    }
    assert find_pairs(tmp_path, make_config(**config)).unmatched == ("x/note.png",)


def test_case_counts_unless_the_pattern_says_not(tmp_path: Path) -> None:
    touch(tmp_path, "A/IMG_1.png", "B/img_1.png", "A/Img_2.png", "B/IMG_2.PNG")
    assert pairs(tmp_path, pair_pattern="(?i)^(?P<key>.+)$") == {
        "img_1": ("A/IMG_1.png", "B/img_1.png"),
        "img_2": ("A/Img_2.png", "B/IMG_2.PNG"),
    }


def test_composed_and_decomposed_names_are_the_same(tmp_path: Path) -> None:
    """macOS writes decomposed names into archives, most others write composed ones."""
    composed = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    touch(tmp_path, f"A/{composed}.png", f"B/{unicodedata.normalize('NFD', composed)}.png")
    assert list(pairs(tmp_path)) == [composed]


def test_a_key_is_what_the_group_matches() -> None:
    key_of = key_finder(r"^(?:left_)?(?P<key>\d*)", "a")
    assert [key_of(stem) for stem in ("left_12", "7x", "left", "")] == ["12", "7", None, None]


def test_a_pattern_that_matches_nothing_is_one_sentence(tmp_path: Path) -> None:
    touch(tmp_path, "A/1_A.png", "A/2_A.png", "B/1_B.png")
    with pytest.raises(UserError) as caught:
        find_pairs(tmp_path, make_config(pair_pattern=r"^(?P<key>\d+)_B$"))
    assert str(caught.value) == (
        "data.pair_pattern: '^(?P<key>\\d+)_B$' matches none of the 2 images of side A, such "
        "as A/1_A.png, A/2_A.png; correct it, or set it to null to pair equal names"
    )


def test_a_pattern_that_matches_twice_is_one_sentence(tmp_path: Path) -> None:
    write_cities(tmp_path)
    pattern = r"^(?P<key>.+?)_(leftImg8bit|gtFine_\w+)$"
    with pytest.raises(UserError) as caught:
        find_pairs(
            tmp_path,
            make_config(folder_a="leftImg8bit", folder_b="gtFine", pair_pattern=pattern),
        )
    message = str(caught.value)
    assert "gives the key 'train/aachen/aachen_000000' to 3 images of side B: gtFine/" in message
    assert "(6 keys are given more than once); make it match one of them" in message


def test_files_without_a_partner_by_the_pattern_are_offences(tmp_path: Path) -> None:
    touch(tmp_path, "A/1_A.png", "B/1_B.png", "A/2_A.png")
    found = find_pairs(tmp_path, make_config(pair_pattern=r"^(?P<key>\d+)_(A|B)$"))
    assert [(item.kind, item.pair_ids) for item in found.offences] == [("missing_partner", ("2",))]


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("A/{}_A.png", "B/{}_B.png"), "^(?P<key>.+?)(?:_A|_B)$"),
        (("A/{}.png", "B/{}_mask.png"), "^(?P<key>.+?)(?:_mask)?$"),
        (("A/train/x/{}-photo.png", "B/train/x/{}-map.png"), "^(?P<key>.+?)(?:\\-photo|\\-map)$"),
        (("A/image_{}.png", "B/label_{}.png"), "^(?:image_|label_)(?P<key>.+)$"),
        (("A/S_{}.png", "B/s_{}.png"), "(?i)^(?P<key>.+)$"),
        (("A/Scan{}.png", "B/scan{}_seg.png"), "(?i)^(?P<key>.+?)(?:_seg)?$"),
    ],
)
def test_a_pattern_that_would_pair_most_files_is_proposed(
    tmp_path: Path, names: tuple[str, str], pattern: str
) -> None:
    for index in range(10):
        touch(tmp_path, *(name.format(f"{index:03d}") for name in names))
    touch(tmp_path, names[0].format("lonely"))
    with pytest.raises(UserError) as caught:
        find_pairs(tmp_path, make_config())
    message = str(caught.value)
    assert message.endswith(f"data.pair_pattern: '{pattern}' would give 10 pairs")
    assert len(pairs_of_proposal(tmp_path, pattern)) == 10


def pairs_of_proposal(root: Path, pattern: str) -> tuple[object, ...]:
    return find_pairs(root, make_config(pair_pattern=pattern)).pairs


def test_the_suffix_of_one_kind_among_several_is_proposed(tmp_path: Path) -> None:
    write_cities(tmp_path)
    with pytest.raises(UserError, match=r"_leftImg8bit\|_gtFine_\w+\)\$' would give 6 pairs"):
        find_pairs(tmp_path, make_config(folder_a="leftImg8bit", folder_b="gtFine"))


def test_nothing_is_proposed_where_it_would_not_help(tmp_path: Path) -> None:
    touch(tmp_path, *(f"A/x{index}.png" for index in range(5)))
    touch(tmp_path, *(f"B/y{index * 7}k.png" for index in range(5)))
    offences = find_pairs(tmp_path, make_config()).offences
    assert {offence.kind for offence in offences} == {"missing_partner"}


@pytest.mark.parametrize(("num_equal", "is_proposed"), [(4, True), (5, False)])
def test_nothing_is_proposed_where_half_of_the_names_are_equal(
    tmp_path: Path, num_equal: int, is_proposed: bool
) -> None:
    for index in range(10):
        touch(tmp_path, f"A/S{index}.png", f"B/{'S' if index < num_equal else 's'}{index}.png")
    if is_proposed:
        with pytest.raises(UserError, match=r"4 have equal names; .* would give 10 pairs"):
            find_pairs(tmp_path, make_config())
    else:
        assert len(find_pairs(tmp_path, make_config()).offences) == 10  # each lone file


def test_a_pattern_that_gives_a_key_twice_is_not_proposed(tmp_path: Path) -> None:
    """It would be refused where it is tried."""
    for index in range(10):
        touch(tmp_path, f"A/{index}.png", f"B/{index}_mask.png")
    touch(tmp_path, *(f"B/{index}.png" for index in range(3)))
    offences = find_pairs(tmp_path, make_config()).offences
    assert {offence.kind for offence in offences} == {"missing_partner"}


def test_what_the_pattern_leaves_out_is_noted(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / f"A/{index}_A.png", noise(index))
        save(tmp_path / f"B/{index}_B.png", noise(100 + index))
    save(tmp_path / "A/preview.png", noise(7))
    config = make_config(pair_pattern=r"^(?P<key>\d+)_(A|B)$")
    report = check_pairs(tmp_path, config, num_workers=1)
    assert report.offences == ()
    assert len(report.pairs) == NUM_PAIRS
    assert (
        "1 image was left out, because data.pair_pattern does not match the name: A/preview.png"
    ) in report.notes


def config_with(**changes: object) -> DataConfig:
    return make_config(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pair_pattern": "(A"}, r"pair_pattern: '\(A' is no regular expression"),
        ({"pair_pattern": "(.+)_A"}, "needs a group named key"),
        ({"pair_pattern": "(?P<key>.+)(?P<a>_A)"}, "either both of the groups a and b"),
        (
            {"pair_pattern": "(?P<key>.+)", "layout": "side_by_side"},
            "pair_pattern needs layout: two_folders",
        ),
    ],
)
def test_a_pattern_without_a_key_is_refused_with_the_parameters(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises((ValueError, ValidationError), match=message):
        config_with(**changes)


@pytest.mark.parametrize("key", ["array_key", "axes", "slices"])
def test_both_halves_of_a_file_are_read_alike(key: str) -> None:
    data = load_params(PARAMS).data
    changed = replace(data.side_a, **{key: {"axes": "CHW"}.get(key, "z")})
    with pytest.raises(ValueError, match=f"one file, so {key} must be the same"):
        replace(data, side_a=changed)
