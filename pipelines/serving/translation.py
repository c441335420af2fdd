"""From the content of files to the content of their translation, with one loaded version.

What is wrong with a file ends as a `Refusal` whose reason is one sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import numpy as np

from pipelines.registry.loaded_version import LoadedVersion
from pipelines.serving.messages import FIRST_FIELD, Answer, Question, Refusal
from pix2pix.config import size_text
from pix2pix.data.manifest import FIRST_SOURCE, SideRecord
from pix2pix.errors import StorageError, UserError
from pix2pix.images.encode import encode_as, lossless_type
from pix2pix.images.masked import decode_side, masked_array
from pix2pix.images.nodata import written_nodata
from pix2pix.images.stored import as_written
from pix2pix.images.upload import TooManyPixelsError, UnknownFormatError, check_upload
from pix2pix.inference import InferenceScale
from pix2pix.inference.input_check import unlike_training
from pix2pix.model_card import ModelCard

_HASH_DIGITS = 12
_STATUS = {
    UnknownFormatError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooManyPixelsError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class Job:
    """A decoded image (H, W, C) for each source, and the version that is to translate them.

    The images have the dtypes of their sources, and are in the order of the card.
    """

    version: LoadedVersion
    images: Mapping[str, np.ndarray]
    scale: InferenceScale

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each image."""
        return [image.shape for image in self.images.values()]

    def goes_with(self, other: "Job") -> bool:
        """Whether the two can be translated as one batch."""
        return (
            self.version is other.version
            and self.scale == other.scale
            and self.shapes == other.shapes
        )


def job(version: LoadedVersion, question: Question, *, max_pixels: int) -> Job | Refusal:
    """Decode the files of a question, and check that they fit the model."""
    sides = _by_field(version.translator.card)
    if question.files.keys() != sides.keys():
        return Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the model needs files in the fields {', '.join(sides)}, got "
            f"{', '.join(question.files)}",
        )
    images = {}
    for field, (name, side) in sides.items():
        try:
            images[name] = _decoded(question.files[field], side, max_pixels=max_pixels)
        except UserError as error:
            status = _STATUS.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY)
            subject = f"the image in the field `{field}`" if len(sides) > 1 else "the image"
            return Refusal(status, f"{subject} {_one_sentence(error)}")
        except MemoryError:
            return Refusal(
                HTTPStatus.INSUFFICIENT_STORAGE, "the server has too little memory; try it later"
            )
    return Job(version, images, question.scale)


def _by_field(card: ModelCard) -> dict[str, tuple[str, SideRecord]]:
    """The name and the side of each source, by its field in a request."""
    return {
        FIRST_FIELD if name == FIRST_SOURCE else name: (name, side)
        for name, side in card.sources.items()
    }


def _decoded(file: bytes, side: SideRecord, *, max_pixels: int) -> np.ndarray:
    """Decode an image file to (H, W, C).

    Raises UserError if it does not fit the side, with a message that begins with a verb.
    """
    check_upload(file, max_pixels=max_pixels)
    image = decode_side(file, side)
    masked_array(image, side)
    if image.dtype.name != side.dtype:
        raise UserError(
            f"has {image.dtype.name} values, and the model was trained on {side.dtype}; convert it"
        )
    return image


def translate(jobs: Sequence[Job]) -> list[np.ndarray | Refusal]:
    """Translate jobs, those of one size at once, to (H, W, C') of the target's dtype."""
    results: dict[int, np.ndarray | Refusal] = {}
    for first, chosen in enumerate(jobs):
        if first in results:
            continue
        group = [place for place, each in enumerate(jobs) if each.goes_with(chosen)]
        images = {
            name: np.stack([jobs[place].images[name] for place in group]) for name in chosen.images
        }
        results.update(zip(group, _translated(chosen, images, len(group)), strict=True))
    return [results[place] for place in range(len(jobs))]


def _translated(
    like: Job, images: Mapping[str, np.ndarray], num_images: int
) -> Sequence[np.ndarray | Refusal]:
    """Translate images (N, H, W, C) of each source, which have one size."""
    try:
        return list(like.version.translator.translate_batch(images, scale=like.scale))
    except UserError as error:
        if num_images > 1:  # of several senders, of whom one is to be refused
            alone = (
                {name: batch[[i]] for name, batch in images.items()} for i in range(num_images)
            )
            return [_translated(like, each, 1)[0] for each in alone]
        return [Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, _one_sentence(error))]
    except StorageError as error:  # the disk is full, on which large images are translated
        return [Refusal(HTTPStatus.INSUFFICIENT_STORAGE, _one_sentence(error))] * num_images


def answer(question: Question, job: Job, result: np.ndarray) -> Answer | Refusal:
    """The translation (H, W, C) as a file in the wanted format, with the name of what made it.

    A Refusal if the format cannot hold it.
    """
    version = job.version
    card = version.translator.card
    written = as_written(result, card.target.file_dtype)
    media_type = question.media_type or lossless_type(written, alpha=card.target.alpha)
    if media_type == "image/jpeg" and card.target.kind == "labels":
        return Refusal(HTTPStatus.NOT_ACCEPTABLE, "JPEG would change the labels; ask for image/png")
    try:
        nodata = written_nodata(card.target, written.dtype)
        content = encode_as(written, media_type, alpha=card.target.alpha, nodata=nodata)
    except UserError as error:
        return Refusal(HTTPStatus.NOT_ACCEPTABLE, _one_sentence(error))
    return Answer(
        content=content,
        media_type=media_type,
        model=version.name,
        version=version.number,
        protocol=protocol(card, job.scale),
        unlike_training=tuple(unlike_training(card, job.images[FIRST_SOURCE])),
    )


def protocol(card: ModelCard, scale: InferenceScale = "training") -> str:
    """How a translation was made, with the words of the evaluation's protocol."""
    size = card.image_scale.size
    resize = card.scale if size is None else f"{card.scale} {size_text(size)}"
    return "; ".join(
        (
            f"inference_mode={card.inference_mode}",
            f"seed={card.seed}",
            f"resize={resize if scale == 'training' else 'none'}",
            f"resize_kernel={card.source.kernel}",
            f"direction={card.direction}",
            f"data={card.data_hash[:_HASH_DIGITS]}",
        )
    )


def description(version: LoadedVersion) -> dict[str, Any]:
    """What a program or a page needs to know of a version, as plain values."""
    card = version.translator.card
    return {
        "name": version.name,
        "version": version.number,
        "protocol": protocol(card),
        "drawing_size": card.drawing_size,
        "source": _side(card.source),
        "extra_sources": {
            extra.name: _side(extra.side) | {"scale": extra.scale} for extra in card.extra_sources
        },
        "target": _side(card.target),
        "palette": card.palette,
        "scores": version.scores,
        "epoch": card.epoch,
        "num_examples": len(version.examples),
        "device": str(version.translator.network.device),
    }


def _side(side: SideRecord) -> dict[str, Any]:
    names = ("kind", "channels", "dtype", "value_range", "grayscale", "num_labels", "void_label")
    return {name: getattr(side, name) for name in names}


def example(version: LoadedVersion, number: int, field: str) -> bytes | None:
    """The image file of an example for a field of `Question.files`; None if there is none."""
    if not 0 <= number < len(version.examples):
        return None
    return version.examples[number].get(FIRST_SOURCE if field == FIRST_FIELD else field)


def _one_sentence(error: UserError | StorageError) -> str:
    text = error.for_sender if isinstance(error, UserError) else str(error)
    return " ".join(text.split())
