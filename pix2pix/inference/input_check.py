"""Whether an image looks like those that a model was trained on."""

import numpy as np

from pix2pix.images.masked import masked_array, with_fill
from pix2pix.images.scale import to_scale
from pix2pix.model_card import ModelCard


def unlike_training(card: ModelCard, image: np.ndarray) -> list[str]:
    """Say in which of its pixel statistics an image (H, W, C) differs from the training's.

    The values are those of files, as `Translator.translate` takes them. The list is empty if
    nothing differs, or if the card is older than these statistics. Raises UserError if the image
    does not fit the model.
    """
    if card.source_statistics is None:
        return []
    scaled = to_scale(masked_array(image, card.source), card.source, card.image_scale)
    return card.source_statistics.unlike(with_fill(scaled, card.source), card.source.value_range)
