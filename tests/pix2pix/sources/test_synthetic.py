from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2pix.config import SyntheticConfig
from pix2pix.sources import synthetic
from pix2pix.sources.facade.easel import PALETTES
from pix2pix.sources.facade.house import draw_house
from pix2pix.sources.facade.layout import LABELS, ROOFS, label_map
from pix2pix.sources.synthetic import draw_pair, write_synthetic
from tests.support.folders import contents

_CONFIG = SyntheticConfig(num_train=3, num_test=2, size_px=32, seed=5)


def _colours(image: np.ndarray) -> set[int]:
    """The colours of (H, W, 3) as numbers; quicker than rows of three."""
    return set(np.unique(image.astype(np.int64) @ (1 << 16, 1 << 8, 1)).tolist())


def _where(source: np.ndarray, label: str) -> np.ndarray:
    return (source == LABELS[label]).all(axis=-1)


def test_a_written_set_holds_pairs_side_by_side_under_train_and_test(tmp_path: Path) -> None:
    assert write_synthetic(tmp_path / "raw", _CONFIG) == 5
    names = ["test/0001.png", "test/0002.png", "train/0001.png", "train/0002.png", "train/0003.png"]
    assert sorted(contents(tmp_path / "raw")) == names
    with Image.open(tmp_path / "raw/train/0002.png") as image:
        assert (image.mode, image.size) == ("RGB", (64, 32))
        picture = np.asarray(image)
    seeds = np.random.SeedSequence([5, 0, 1])
    source, target = draw_pair(32, np.random.Generator(np.random.PCG64(seeds)))
    np.testing.assert_array_equal(picture[:, :32], source)
    np.testing.assert_array_equal(picture[:, 32:], target)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_no_equal_pair(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        write_synthetic(tmp_path / name, replace(_CONFIG, seed=seed))
    first, again, other = (contents(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_a_pair_does_not_depend_on_how_many_are_drawn(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "few", _CONFIG)
    write_synthetic(tmp_path / "many", replace(_CONFIG, num_train=5, num_test=4))
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert len(many) == 9
    assert few.items() <= many.items()


def test_train_and_test_share_no_pair(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "raw", replace(_CONFIG, num_train=8, num_test=8))
    assert len(set(contents(tmp_path / "raw").values())) == 16


def test_writing_replaces_the_directory_as_a_whole(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "raw", replace(_CONFIG, num_train=6))
    (tmp_path / "raw/stray.txt").write_text("old")
    write_synthetic(tmp_path / "raw", _CONFIG)
    assert len(contents(tmp_path / "raw")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_an_interrupted_writing_leaves_the_directory_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic(tmp_path / "raw", _CONFIG)
    before = contents(tmp_path / "raw")
    drawn = iter([draw_pair(32, np.random.default_rng(0))])
    monkeypatch.setattr(synthetic, "draw_pair", lambda size_px, rng: next(drawn))
    with pytest.raises(StopIteration):
        write_synthetic(tmp_path / "raw", replace(_CONFIG, seed=9))
    assert contents(tmp_path / "raw") == before
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize("size_px", [32, 33, 100, 256, 1024])
def test_a_pair_of_any_size_has_flat_label_colours_and_a_varied_facade(size_px: int) -> None:
    source, target = draw_pair(size_px, np.random.default_rng(3))
    assert source.shape == target.shape == (size_px, size_px, 3)
    assert source.dtype == target.dtype == np.uint8
    colours = _colours(source)
    assert colours <= _colours(np.array([list(LABELS.values())], dtype=np.uint8))
    assert _colours(np.array([[LABELS["sky"], LABELS["wall"], LABELS["door"]]])) <= colours
    assert len(_colours(target)) > size_px


def test_label_colours_are_far_apart() -> None:
    colours = np.array(list(LABELS.values()), dtype=int)
    assert min(np.abs(one - two).sum() for one, two in combinations(colours, 2)) > 100


def test_each_label_and_each_roof_occurs_among_a_few_dozen_houses() -> None:
    houses = [draw_house(64, np.random.default_rng(seed)) for seed in range(40)]
    assert {frame.roof for frame, _ in houses} == set(ROOFS)
    maps = np.stack([label_map(64, parts) for _, parts in houses])
    assert all(_where(maps, label).any() for label in LABELS)


@pytest.mark.parametrize("size_px", [32, 160])
def test_every_part_lies_inside_the_picture(size_px: int) -> None:
    for seed in range(150):
        _, parts = draw_house(size_px, np.random.default_rng(seed))
        for part in parts:
            assert 0 <= part.x0 < part.x1 <= size_px, (seed, part)
            assert 0 <= part.y0 < part.y1 <= size_px, (seed, part)


def test_no_two_pairs_are_near_duplicates() -> None:
    """Difference hashes of 16 x 16 bits: equal layouts would differ in a few bits only."""

    def difference_hash(image: np.ndarray) -> np.ndarray:
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, (17, 16), interpolation=cv2.INTER_AREA)
        return (small[:, 1:] > small[:, :-1]).ravel()

    pairs = [draw_pair(64, np.random.default_rng([1, seed])) for seed in range(60)]
    for side in (0, 1):
        hashes = [difference_hash(pair[side]) for pair in pairs]
        assert min(np.sum(one != two) for one, two in combinations(hashes, 2)) > 12


def test_the_edges_of_the_facade_lie_on_the_edges_of_the_label_map() -> None:
    """Moving the label map by two pixels either way must make the two fit worse."""

    def edge_strength(shift: int) -> float:
        moved = np.roll(borders, shift, axis=1)
        return float(steps[moved].mean())

    for seed in range(6):
        source, target = draw_pair(160, np.random.default_rng([2, seed]))
        borders = (source[:, 1:] != source[:, :-1]).any(axis=-1)
        steps = np.abs(np.diff(target.astype(float), axis=1)).mean(axis=-1)
        aligned = edge_strength(0)
        assert aligned > 2 * steps[~borders].mean()
        assert aligned > 1.2 * max(edge_strength(-2), edge_strength(2))


def test_the_wall_takes_the_colours_of_its_roof_form() -> None:
    """What the label map shows must tell the material, or it could not be learnt."""
    for seed in range(20):
        frame, _ = draw_house(64, np.random.default_rng([4, seed]))
        source, target = draw_pair(64, np.random.default_rng([4, seed]))
        red, _, blue = np.median(target[_where(source, "wall")], axis=0)
        low, high = (colour[0] / colour[2] for colour in PALETTES[frame.roof].wall)
        assert 0.85 * min(low, high) < red / blue < 1.15 * max(low, high)


def test_windows_are_darker_than_the_frames_around_them_and_the_sky_is_blue() -> None:
    for seed in range(10):
        source, target = draw_pair(64, np.random.default_rng([6, seed]))
        glass, cornice = (target[_where(source, label)].mean() for label in ("window", "cornice"))
        assert glass < cornice
        red, _, blue = target[_where(source, "sky")].mean(axis=0)
        assert blue > red + 5


def test_a_balcony_throws_its_shadow_downwards() -> None:
    """Wall just under a balcony is darker than wall just above it, in the same columns."""
    differences = []
    for seed in range(30):
        _, parts = draw_house(160, np.random.default_rng([7, seed]))
        source, target = draw_pair(160, np.random.default_rng([7, seed]))
        wall, light = _where(source, "wall"), target.astype(float).mean(axis=-1)
        for part in parts:
            if part.label == "balcony":
                columns = slice(part.x0, part.x1)
                below = (slice(part.y1 + 1, part.y1 + 4), columns)
                above = (slice(part.y0 - 5, part.y0 - 1), columns)
                if wall[below].sum() > 20 and wall[above].sum() > 20:
                    differences.append(
                        light[above][wall[above]].mean() - light[below][wall[below]].mean()
                    )
    assert len(differences) > 20
    assert np.mean(np.array(differences) > 10) > 0.8
