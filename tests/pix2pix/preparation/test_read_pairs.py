"""What reading a pair gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.preparation.offences import BadPair
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.read_pairs import read_pair
from tests.support.folders import touch
from tests.support.pair_files import make_config, noise, two_folders
from tests.support.small_sets import save


def test_the_direction_says_which_half_is_the_source(tmp_path: Path) -> None:
    image = noise(10, 24)
    save(tmp_path / "1.png", image)
    forth, back = make_config(), make_config(direction="BtoA")
    (files,) = find_pairs(tmp_path, forth).pairs

    halves = (image[:, :12], image[:, 12:])
    for config, expected in ((forth, halves), (back, halves[::-1])):
        pair = read_pair(files, config)
        np.testing.assert_array_equal((pair.images[0].pixels, pair.target), expected)


def test_colourisation_takes_the_same_photo_for_both_sides(tmp_path: Path) -> None:
    photo = noise(8, 8)
    save(tmp_path / "photos/1.png", photo)
    config = two_folders(folder_a="photos", folder_b="photos")
    config = replace(config, side_a=replace(config.side_b, channels=1, grayscale=True))
    (files,) = find_pairs(tmp_path, config).pairs

    (source, _), (target, _) = read_pair(files, config).images

    luma = np.rint(photo @ np.array([0.299, 0.587, 0.114]))
    np.testing.assert_array_equal(source[..., 0], luma)
    np.testing.assert_array_equal(target, photo)


def test_label_ids_are_read_from_a_palette_beside_photos(tmp_path: Path) -> None:
    ids = noise(8, 8, 1)[..., 0] % 3
    paletted = Image.fromarray(ids).convert("P")
    paletted.putpalette(list(range(9)))
    (tmp_path / "A").mkdir()
    paletted.save(tmp_path / "A/1.png")
    save(tmp_path / "B/1.png", noise(8, 8))
    config = two_folders()
    config = replace(config, side_a=replace(config.side_a, channels=1, num_labels=3))
    (files,) = find_pairs(tmp_path, config).pairs

    np.testing.assert_array_equal(read_pair(files, config).images[0].pixels[..., 0], ids)


def test_bad_pairs_say_of_what_kind_they_are(tmp_path: Path) -> None:
    save(tmp_path / "odd/1.png", noise(8, 15))
    save(tmp_path / "grey/1.png", noise(8, 16, 1))
    touch(tmp_path, "empty/1.png")
    save(tmp_path / "sizes/A/1.png", noise(8, 16))
    save(tmp_path / "sizes/B/1.png", noise(8, 14))
    kinds = {}
    for root, config in (
        ("odd", make_config()),
        ("grey", make_config()),
        ("empty", make_config()),
        ("sizes", two_folders()),
    ):
        (files,) = find_pairs(tmp_path / root, config).pairs
        with pytest.raises(BadPair) as caught:
            read_pair(files, config)
        kinds[root] = caught.value.kind

    assert kinds == {
        "odd": "odd_width",
        "grey": "wrong_channels",
        "empty": "unreadable",
        "sizes": "size_mismatch",
    }
