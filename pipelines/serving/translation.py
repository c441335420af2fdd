"""From the content of a file to the content of its translation, with one loaded version.

What is wrong with a file ends as a `Refusal` whose reason is one sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.registry.loaded_version import LoadedVersion
from pipelines.serving.messages import Answer, Question, Refusal
from pix2pix.checkpoint import ModelCard
from pix2pix.config import size_text
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import StorageError, UserError
from pix2pix.images.encode import encode_as, lossless_type
from pix2pix.images.masked import decode_side, masked_array
from pix2pix.images.nodata import written_nodata
from pix2pix.images.stored import as_written
from pix2pix.images.upload import TooManyPixelsError, UnknownFormatError, check_upload
from pix2pix.inference import Scale
from pix2pix.inference.input_check import unlike_training

_HASH_DIGITS = 12
_STATUS = {UnknownFormatError: 415, TooManyPixelsError: 413}
_UNPROCESSABLE, _NOT_ACCEPTABLE, _INSUFFICIENT_STORAGE = 422, 406, 507


@dataclass(frozen=True, slots=True)
class Job:
    """A decoded image (H, W, C) of the source's dtype, and the version that is to translate it."""

    version: LoadedVersion
    image: np.ndarray
    scale: Scale

    def goes_with(self, other: "Job") -> bool:
        """Whether the two can be translated as one batch."""
        return (
            self.version is other.version
            and self.scale == other.scale
            and self.image.shape == other.image.shape
        )


def job(version: LoadedVersion, question: Question, *, max_pixels: int) -> Job | Refusal:
    """Decode the file of a question, and check that it fits the model."""
    card = version.translator.card
    try:
        check_upload(question.file, max_pixels=max_pixels)
        image = decode_side(question.file, card.source)
        masked_array(image, card.source)
    except UserError as error:
        return Refusal(_STATUS.get(type(error), _UNPROCESSABLE), _one_sentence(error))
    if image.dtype.name != card.source.dtype:
        return Refusal(
            _UNPROCESSABLE,
            f"the image has {image.dtype.name} values, and the model was trained on "
            f"{card.source.dtype}",
        )
    return Job(version, image, question.scale)


def translate(jobs: Sequence[Job]) -> list[np.ndarray | Refusal]:
    """Translate jobs, those of one size at once, to (H, W, C') of the target's dtype."""
    results: dict[int, np.ndarray | Refusal] = {}
    for first, chosen in enumerate(jobs):
        if first in results:
            continue
        group = [place for place, each in enumerate(jobs) if each.goes_with(chosen)]
        images = np.stack([jobs[place].image for place in group])
        results.update(zip(group, _translated(chosen, images), strict=True))
    return [results[place] for place in range(len(jobs))]


def _translated(like: Job, images: np.ndarray) -> Sequence[np.ndarray | Refusal]:
    """Translate images (N, H, W, C) of one size."""
    try:
        return list(like.version.translator.translate_batch(images, scale=like.scale))
    except UserError as error:
        return [Refusal(_UNPROCESSABLE, _one_sentence(error))] * len(images)
    except StorageError as error:  # the disk is full, on which large images are translated
        return [Refusal(_INSUFFICIENT_STORAGE, _one_sentence(error))] * len(images)


def answer(question: Question, job: Job, result: np.ndarray) -> Answer | Refusal:
    """The translation as a file in the wanted format, with the name of what made it."""
    version = job.version
    card = version.translator.card
    written = as_written(result, card.target.file_dtype)
    media_type = question.media_type or lossless_type(written)
    if media_type == "image/jpeg" and card.target.kind == "labels":
        return Refusal(_NOT_ACCEPTABLE, "JPEG would change the labels; ask for image/png")
    try:
        nodata = written_nodata(card.target, written.dtype)
        content = encode_as(written, media_type, nodata=nodata)
    except UserError as error:
        return Refusal(_NOT_ACCEPTABLE, _one_sentence(error))
    return Answer(
        content=content,
        media_type=media_type,
        model=version.name,
        version=version.number,
        protocol=protocol(card, job.scale),
        unlike_training=tuple(unlike_training(card, job.image)),
    )


def protocol(card: ModelCard, scale: Scale = "training") -> str:
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


def _one_sentence(error: Exception) -> str:
    return " ".join(str(error).split())
