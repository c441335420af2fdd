"""Make the source of a model from a photo, with the recipe of its training."""

from pathlib import Path

import numpy as np

from pix2pix.config import Scale
from pix2pix.errors import UserError
from pix2pix.images.options import VolumeSlice
from pix2pix.images.recipes import made_from
from pix2pix.images.resize import resize
from pix2pix.images.scale import from_scale
from pix2pix.images.validity import Masked
from pix2pix.inference.value_checks import check_values
from pix2pix.model_card import ModelCard
from pix2pix.preparation.folders import stem_and_suffix


def check_makes_sources(card: ModelCard) -> None:
    """Raise UserError unless the sources of the training were made from photos."""
    if card.recipe is None or card.direction != "AtoB":
        why = "translates photos as they are" if card.recipe else "has no recipe (data.recipe)"
        raise UserError(f"model {card.name} {why}; leave out --from-photo")


def name_of_photo(path: Path, volume_slice: VolumeSlice | None) -> str:
    """The name of a photo that lies in no folder, as ids of pairs have it."""
    stem = stem_and_suffix(Path(path.name))[0]
    return stem if volume_slice is None else f"{stem}#{volume_slice}"


def made_source(card: ModelCard, photo: np.ndarray, *, name: str, is_native: bool) -> np.ndarray:
    """The source (H', W', C') that the recipe makes of a photo (H, W, C), as in the training.

    It is made at the size at which the network sees the photo, or with `is_native` at the photo's
    own. `name` decides about what is random: in the training it was the pair's id. Raises UserError
    if dtype or values are not those of the training's photos, because a drawing of them would be
    blank.
    """
    assert card.recipe is not None
    check_values(card, photo, card.target, kind="photos", which="this photo")
    rule = Scale("none", None) if is_native else card.image_scale._replace(target_scale=1.0)
    height, width = rule.size_of(*photo.shape[:2])
    kernel = card.target.kernel
    resized = resize(photo, height, width, kernel=kernel)
    made = made_from(resized, card.recipe, pair_id=name, value_range=card.target.value_range)
    if card.target_scale != 1:  # the model itself enlarges its sources
        return made
    return resize(made, height, width, kernel=kernel)


def at_size_of(photo: np.ndarray, result: np.ndarray, card: ModelCard) -> np.ndarray:
    """Resize a result (H', W', C) to the height and width of its photo."""
    return from_scale(Masked(result), card.target, *photo.shape[:2]).pixels
