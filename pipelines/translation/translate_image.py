"""Translate a single image file with a registered model version, in its inference mode."""

import logging
from pathlib import Path

from mlflow import MlflowClient

from pipelines.registry.lookup import find_version, label
from pipelines.registry.model_files import downloaded
from pipelines.translation.translated_files import translate_file
from pipelines.translation.translation_input import refuse_existing
from pipelines.translation.translation_plan import SourceImage, result_suffix, source_images
from pipelines.translation.translator_options import TranslatorOptions
from pix2pix.errors import UserError
from pix2pix.inference import check_makes_sources
from pix2pix.model_card import ModelCard, load_card
from pix2pix.preparation.folders import stem_and_suffix

logger = logging.getLogger(__name__)


def translate_image(
    client: MlflowClient,
    reference: str,
    *,
    image: Path,
    output: Path,
    options: TranslatorOptions,
    overwrite: bool,
) -> Path:
    """Translate `image` to `output`, or into it if it is the name of a folder; return the file.

    Raises UserError if there is no such version, the model needs folders, the name of the output
    does not fit, the output exists and may not be overwritten, or the image cannot be translated.
    """
    version = find_version(client, reference)
    with downloaded(client, version) as model_dir:
        card = load_card(model_dir)
        _refuse_what_needs_folders(image, card)
        if options.from_photo:
            check_makes_sources(card)
        output = _output_file(image, output, suffix=result_suffix(image, card.target))
        refuse_existing(image, output, overwrite=overwrite)
        logger.info("translated with %s", label(version))
        translator = options.load(model_dir)
        reason = translate_file(translator, SourceImage(image), output, scale=options.scale)
    if reason:
        raise UserError(f"{image}: {reason}")
    return output


def _refuse_what_needs_folders(image: Path, card: ModelCard) -> None:
    if card.extra_sources:
        names = " and ".join(extra.name for extra in card.extra_sources)
        raise UserError(
            f"model {card.name} has the extra sources {names}: give the folder of {image} "
            "as INPUT, and --extra-source NAME=DIR for each"
        )
    if source_images(image, card.source) != [SourceImage(image)]:
        raise UserError(f"{image} is a volume of slices; give its folder as INPUT")


def _output_file(image: Path, output: Path, *, suffix: str) -> Path:
    """The file of the result. Raises UserError if the output is named as another format."""
    if output.is_dir() or not output.suffix:
        return output / f"{stem_and_suffix(Path(image.name))[0]}{suffix}"
    if not output.suffix.lower().startswith(suffix):  # .tiff is .tif
        raise UserError(
            f"{output}: the result is a {suffix} file; name it {output.with_suffix(suffix)}"
        )
    return output
