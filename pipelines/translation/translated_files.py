"""Translate images into files, one after the other.

An image that cannot be read, does not fit the model, or is too large for the memory is reported,
and the others are translated.
"""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pipelines.translation.image_line import image_line
from pipelines.translation.translation_plan import SourceImage
from pix2pix.data.manifest import FIRST_SOURCE
from pix2pix.errors import UserError
from pix2pix.files import write_bytes
from pix2pix.images.encode import encode
from pix2pix.images.georeference import georeference
from pix2pix.images.nodata import written_nodata
from pix2pix.images.stored import as_written
from pix2pix.inference import InferenceScale, Translator
from pix2pix.memory import no_traceback_of_memory

_PROGRESS_S = 10.0

logger = logging.getLogger(__name__)


def translate_files(
    translator: Translator, plan: Mapping[SourceImage, Path], *, scale: InferenceScale = "training"
) -> dict[SourceImage, str]:
    """Translate and write each image; return the images that failed, with the reasons.

    Output files are written atomically and replace existing ones. Raises StorageError if a file
    cannot be written.
    """
    reasons = (
        translate_file(translator, source, output, scale=scale) for source, output in plan.items()
    )
    return failures_of(plan, reasons)


def failures_of(
    plan: Collection[SourceImage], reasons: Iterable[str | None]
) -> dict[SourceImage, str]:
    """The images that failed, by the results of `translate_file` for each image of the plan.

    Results may be made while they are asked for: how far the plan is, is logged meanwhile.
    """
    failures: dict[SourceImage, str] = {}
    logged_s = time.monotonic()
    for number, (source, reason) in enumerate(zip(plan, reasons, strict=True), start=1):
        if reason is not None:
            failures[source] = reason
        if time.monotonic() - logged_s >= _PROGRESS_S:
            logger.info("%d of %d images", number, len(plan))
            logged_s = time.monotonic()
    return failures


def translate_file(
    translator: Translator, source: SourceImage, output: Path, *, scale: InferenceScale
) -> str | None:
    """Translate and write one image; return the reason if it cannot be translated.

    Raises StorageError if the file cannot be written.
    """
    try:
        content = _translated(translator, source, scale)
    except UserError as error:
        return str(error).removeprefix(f"{source.path}: ")
    write_bytes(output, content)
    return None


def _translated(translator: Translator, source: SourceImage, scale: InferenceScale) -> bytes:
    extra_paths = dict(source.extra_paths)
    missing = [name for name in translator.sources if name not in (FIRST_SOURCE, *extra_paths)]
    if missing:
        raise UserError(f"has no file of the same name in the folder of {' and '.join(missing)}")
    with no_traceback_of_memory(str(source)):
        image = translator.translate_file(
            source.path,
            source.volume_slice,
            extra_paths=extra_paths,
            pair_id=source.pair_id,
            scale=scale,
            progress=_ImageProgress(source),
        )
        target = translator.card.target
        written = as_written(image, target.file_dtype)
        height, width = written.shape[:2]
        return encode(
            written,
            alpha=target.alpha,
            georeference=georeference(source.path, (height, width)),
            nodata=written_nodata(target, written.dtype),
        )


class _ImageProgress:
    """Logs how far the translation of a large image is."""

    def __init__(self, source: SourceImage) -> None:
        self._source = source
        self._started_s = self._logged_s = time.monotonic()

    def __call__(self, share: float) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s >= _PROGRESS_S:
            logger.info("%s", image_line(str(self._source), share, now_s - self._started_s))
            self._logged_s = now_s
