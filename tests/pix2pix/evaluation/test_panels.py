import numpy as np
import pytest
import torch

from pix2pix.evaluation.panels import Extremes, Panel, panel_image

NAMES = tuple(f"pair{7 - i}" for i in range(8))  # not in the order of the names
SCORES = np.array([0.3, 0.1, 0.8, 0.2, 0.8, 0.5, 0.4, 0.1])


def extremes(num_panels: int, batch_size: int, num_images: int = 8) -> Extremes:
    kept = Extremes(num_panels, source_alphas={"source": False})
    levels = torch.linspace(-1, 1, 8).reshape(8, 1, 1, 1)
    for start in range(0, num_images, batch_size):
        rows = slice(start, min(start + batch_size, num_images))
        images = levels[rows].expand(-1, 1, 32, 40)
        kept.update({"source": images}, -images, images, pair_ids=NAMES[rows], l1=SCORES[rows])
    return kept


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_best_and_worst_do_not_depend_on_the_batches(batch_size: int) -> None:
    kept = extremes(3, batch_size)
    assert [panel.pair_id for panel in kept.best()] == ["pair0", "pair6", "pair4"]
    assert [panel.pair_id for panel in kept.worst()] == ["pair5", "pair3", "pair2"]
    assert [panel.l1 for panel in kept.worst()] == [0.8, 0.8, 0.5]


def test_a_panel_shows_the_images_of_its_pair() -> None:
    panel = extremes(1, 8).worst()[0]
    assert panel.pair_id == "pair5"
    assert panel.sources["source"].shape == (32, 40, 3)
    assert np.unique(panel.sources["source"]).tolist() == [round(255 * 2 / 7)]
    assert np.unique(panel.fake).tolist() == [round(255 * 5 / 7)]


def test_of_few_images_none_is_among_both_the_best_and_the_worst() -> None:
    kept = extremes(6, 2, num_images=5)
    assert len(kept.best()) == len(kept.worst()) == 2
    assert not {p.pair_id for p in kept.best()} & {p.pair_id for p in kept.worst()}
    assert len(extremes(6, 2, num_images=1).best()) == 1


def test_each_row_of_the_picture_is_source_fake_and_target() -> None:
    shades = [np.full((16, 40, 3), level, np.uint8) for level in (10, 120, 200)]
    panels = [Panel(0.1, name, {"source": shades[0]}, *shades[1:]) for name in "ab"]
    image = panel_image(panels)
    assert image.dtype == np.uint8
    lines = [line for line in image[..., 0] if line[10] == 10]
    assert len(lines) >= 2 * 16
    assert (lines[0][10], lines[0][54], lines[0][98]) == (10, 120, 200)


def test_no_panels_make_no_picture() -> None:
    with pytest.raises(ValueError, match="no panels"):
        panel_image([])


def test_transparent_pixels_are_drawn_as_a_checkerboard() -> None:
    kept = Extremes(1, source_alphas={"source": False}, target_alpha=True)
    source, target = torch.zeros(1, 3, 32, 32), torch.full((1, 4, 32, 32), -1.0)
    target[:, :, :, 8:] = 1.0

    kept.update({"source": source}, target, target, pair_ids=["a"], l1=np.zeros(1))

    (panel,) = kept.best()
    assert panel.target[0, 0].tolist() == panel.fake[0, 0].tolist() == [204] * 3
    assert panel.target[0, 8].tolist() == [255] * 3
