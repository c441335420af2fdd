"""Which models translate films, and which images they make of frames."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.errors import UserError
from pix2pix.inference.film_frames import check_translates_films, translate_frames
from tests.support.films import moving_square
from tests.support.model_folders import PHOTO, model_card
from tests.support.translators import make_translator


def test_grey_models_read_luma_and_show_grey(tmp_path: Path) -> None:
    grey = dataclasses.replace(PHOTO, channels=1)
    translator = make_translator(
        tmp_path,
        "deterministic",
        source=grey,
        target=grey,
        generator=dataclasses.replace(
            make_translator(tmp_path / "x", "deterministic").card.generator, target_channels=1
        ),
        discriminator=dataclasses.replace(
            make_translator(tmp_path / "y", "deterministic").card.discriminator, in_channels=2
        ),
    )
    frame = moving_square(1)[0]
    luma = np.rint(frame @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]
    shown = translate_frames(translator, frame[None], scale="training")
    np.testing.assert_array_equal(shown, np.repeat(translator.translate(luma)[None], 3, axis=3))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": dataclasses.replace(PHOTO, dtype="uint16")}, "the source .* is uint16 with 3"),
        ({"target": dataclasses.replace(PHOTO, dtype="float32")}, "the target .* is float32"),
        (
            {"target": dataclasses.replace(PHOTO, nodata=0)},
            "values for missing pixels in its target",
        ),
        ({"target": dataclasses.replace(PHOTO, channels=4)}, "the target .* with 4 channel"),
        (
            {"extra_sources": (ExtraSourceRecord("depth", PHOTO, 1.0),)},
            "needs the sources source, depth, and a film is only one",
        ),
        (
            {"source": dataclasses.replace(PHOTO, channels=1, num_labels=5)},
            "class ids in its source",
        ),
    ],
)
def test_models_of_other_images_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_translates_films(model_card(**changes))
