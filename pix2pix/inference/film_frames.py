"""Which models translate films, and how frames become the images that a model reads.

The frames of a film are RGB images of 8 bits.
"""

import dataclasses

import numpy as np

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.images.image import conform
from pix2pix.inference.translator import InferenceScale, Translator
from pix2pix.model_card import ModelCard
from pix2pix.plural import counted

_REMEDY = "translate a folder of images instead"


def check_translates_films(card: ModelCard) -> None:
    """Raise UserError if a side of the model is neither grey nor RGB of 8 bits, or it has several
    sources.
    """
    if card.extra_sources:
        raise UserError(
            f"model {card.name} needs the sources {', '.join(card.sources)}, and a film is only "
            f"one of them; {_REMEDY}, with --extra-source for the others"
        )
    for role, side in (("source", card.source), ("target", card.target)):
        if side.num_labels is not None or side.is_masked:
            what = "class ids" if side.num_labels is not None else "values for missing pixels"
            raise UserError(
                f"model {card.name} has {what} in its {role}, which the compression of films "
                f"would change; {_REMEDY}"
            )
        if side.dtype != "uint8" or side.channels not in (1, 3):
            raise UserError(
                f"the {role} of model {card.name} is {side.dtype} with "
                f"{counted(side.channels, 'channel')}, "
                f"and films are read and written with 8 bits, grey or RGB; {_REMEDY}"
            )


def translate_frames(
    translator: Translator, frames: np.ndarray, *, scale: InferenceScale
) -> np.ndarray:
    """Translate frames (N, H, W, 3) uint8 to (N, H', W', 3) uint8.

    A model of grey images reads the luma of the frames. Grey results get three equal channels.
    All frames have the same dropout masks, so dropout by itself does not flicker.
    """
    source = translator.card.source
    images = frames if source.channels == 3 else _luma(frames, source)
    results = translator.translate_batch(images, scale=scale)
    return results if results.shape[-1] == 3 else np.repeat(results, 3, axis=-1)


def _luma(frames: np.ndarray, source: SideRecord) -> np.ndarray:
    grey = dataclasses.replace(source, grayscale=True)
    return np.stack([conform(frame, grey) for frame in frames])
