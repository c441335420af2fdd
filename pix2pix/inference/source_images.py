"""The images of all sources of a model: checked, converted, and brought to one size."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from pix2pix.data.manifest import FIRST_SOURCE
from pix2pix.errors import UserError
from pix2pix.images.masked import masked_array, with_fill
from pix2pix.images.scale import to_size
from pix2pix.images.validity import Masked
from pix2pix.inference.value_checks import check_values
from pix2pix.model_card import ModelCard
from pix2pix.preparation.pair_sizes import common_part, sizes_differ

# One image (or a batch), or one per source by its name, see `Translator.sources`.
Images = np.ndarray | Mapping[str, np.ndarray]
_T = TypeVar("_T")


def by_source(images: Images) -> Mapping[str, np.ndarray]:
    """The images by the name of their source; a single array is that of the first source."""
    return images if isinstance(images, Mapping) else {FIRST_SOURCE: images}


def batch_of_one(card: ModelCard, images: Images) -> Mapping[str, np.ndarray]:
    """One image (H, W, C_i) of each source as batches (1, H, W, C_i), by name.

    An image (H, W) is one of a single channel. Raises UserError for other shapes, for what is no
    array, and unless all sources have an image.
    """
    given = by_source(images)
    of_each_source(card, given)
    return {name: _one_image(card, name, image)[None] for name, image in given.items()}


def of_each_source(card: ModelCard, given: Mapping[str, _T]) -> list[_T]:
    """What is given for each source, in their order. Raises UserError unless all have something."""
    if given.keys() != card.sources.keys():
        raise UserError(
            f"model {card.name} needs the sources {', '.join(card.sources)}, "
            f"got {', '.join(given) or 'none'}"
        )
    return [given[name] for name in card.sources]


def conformed_batch(card: ModelCard, images: Images) -> list[tuple[Masked, ...]]:
    """Convert (N, H, W, C_i) of each source with `masked_array`: one image per source, N times.

    Raises UserError if a shape, the channels or class ids are not those of the model.
    """
    batches = of_each_source(card, by_source(images))
    for batch, (name, side) in zip(batches, card.sources.items(), strict=True):
        _check_is_array(card, name, batch)
        if batch.ndim != 4 or 0 in batch.shape:
            raise UserError(
                f"model {card.name} translates images of shape (N, H, W, "
                f"{side.channels}){_named(card, name)}, got {batch.shape}"
            )
    numbers = {len(batch) for batch in batches}
    if len(numbers) > 1:
        raise UserError(f"the sources have unlike numbers of images: {sorted(numbers)}")
    converted = [
        [
            _conformed(card, image, name, which=which_image(index, len(batch)))
            for index, image in enumerate(batch)
        ]
        for batch, name in zip(batches, card.sources, strict=True)
    ]
    return list(zip(*converted, strict=True))


def which_image(index: int, num_images: int) -> str:
    """The words for an image of a batch in a message."""
    return "this image" if num_images == 1 else f"image {index} (counted from 0)"


def fitted(
    card: ModelCard, images: Sequence[Masked], *, which: str = "this image"
) -> tuple[Masked, ...]:
    """Check one image per source, (H, W, C_i); one pixel too many is cut off.

    `which` are the words for the image in messages. Raises UserError if dtypes, values or the
    ratios of the sizes are not those of the training.
    """
    for image, (name, side) in zip(images, card.sources.items(), strict=True):
        where = f"{which}{_named(card, name)}"
        check_values(card, image.pixels, side, kind="sources", which=where)
    source, *extra = images
    for image, record in zip(extra, card.extra_sources, strict=True):
        if sizes_differ(source.pixels, image.pixels, record.scale):
            shapes = (image.pixels.shape, source.pixels.shape)
            sizes = [f"{width}x{height} px" for height, width, _ in shapes]
            how = "as large" if record.scale == 1 else f"{record.scale:g} times as large"
            raise UserError(
                f"{record.name} has {sizes[0]} and source {sizes[1]}; {record.name} must be {how} "
                "as source",
                for_sender=f"the source {record.name} has {sizes[0]} and the first source "
                f"{sizes[1]}; {record.name} must be {how} as the first source",
            )
    are_alike = [True, *(record.scale == 1 for record in card.extra_sources)]
    return common_part(images, are_alike=are_alike)


def resized(card: ModelCard, images: Sequence[Masked], size: tuple[int, int]) -> list[Masked]:
    """Bring one image per source to a height and width, each with the kernel of its side."""
    sides = card.sources.values()
    return [to_size(image, side, *size) for image, side in zip(images, sides, strict=True)]


def filled_sources(card: ModelCard, images: Sequence[Masked]) -> list[np.ndarray]:
    """What the network sees of one image (H, W, C) per source: pixels without a value are filled.

    The result has an array (H, W, C) per source, in the order of the card.
    """
    sides = card.sources.values()
    return [with_fill(image, side) for image, side in zip(images, sides, strict=True)]


def _one_image(card: ModelCard, name: str, image: np.ndarray) -> np.ndarray:
    """The image with an axis of channels. Raises UserError for another number of axes."""
    _check_is_array(card, name, image)
    channels = card.sources[name].channels
    shown = image[..., None] if image.ndim == 2 and channels == 1 else image
    if shown.ndim != 3 or 0 in shown.shape:
        raise UserError(
            f"model {card.name} translates an image of shape (H, W, {channels})"
            f"{_named(card, name)}, got {image.shape}"
        )
    return shown


def _check_is_array(card: ModelCard, name: str, given: object) -> None:
    """Raise UserError for a path, a picture of another library, a list, and the like."""
    if not isinstance(given, np.ndarray):
        raise UserError(
            f"model {card.name} translates numpy arrays with the values of a file"
            f"{_named(card, name)}, got {type(given).__name__}: read a file with "
            "pix2pix.images.image.read_image(Path(...)) or call translate_file(Path(...)), and "
            "convert what is in memory with numpy.asarray(...)"
        )


def _conformed(card: ModelCard, image: np.ndarray, name: str, *, which: str) -> Masked:
    try:
        return masked_array(image, card.sources[name])
    except UserError as error:
        raise UserError(
            f"model {card.name} cannot translate {which}{_named(card, name)}: it {error.for_sender}"
        ) from None


def _named(card: ModelCard, name: str) -> str:
    """The name of a source for a message, if there are several."""
    return f" for the source {name}" if card.extra_sources else ""
