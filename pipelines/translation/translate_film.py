"""Translate a film with a registered model version."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.entrypoint import interrupted_as
from pipelines.registry.lookup import find_version, label
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.model_files import downloaded
from pipelines.translation.film_parts import PART_FRAMES, translate_parts
from pipelines.translation.translation_input import check_film_output
from pipelines.translation.translator_options import TranslatorOptions
from pipelines.translation.unfinished_film import Job, remove, unfinished_folder
from pix2pix.errors import UserError
from pix2pix.files import put_in_place, sha256_of_file, written_to
from pix2pix.film.assembly import assemble, check_pixels_fit, check_sound_fits
from pix2pix.film.encoding import Encoding, checked_crf, kind_of, library_version
from pix2pix.film.frames import Look, film_frames
from pix2pix.film.opening import FilmError, FilmFacts, inspect, opened
from pix2pix.inference.film_frames import check_translates_films
from pix2pix.plural import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmOptions:
    """How a film is translated and written."""

    translator: TranslatorOptions = TranslatorOptions()  # noqa: RUF009 - frozen
    crf: int | None = None  # None: the default of the codec
    with_sound: bool = True
    overwrite: bool = False


def translate_film(
    client: MlflowClient, reference: str, *, film: Path, output: Path, options: FilmOptions
) -> int:
    """Translate `film` to `output`; return the number of frames.

    The output appears when it is complete. Finished parts are kept beside it meanwhile, and the
    same call continues from them. Raises InterruptionError after a signal. Raises UserError, before
    anything is written, if the film cannot be read, the model cannot translate films, or the
    output exists and may not be overwritten.
    """
    checked = _checked(film, output, options)
    version = find_version(client, reference)
    with downloaded(client, version) as model_dir:
        translator = options.translator.load(model_dir)
    check_translates_films(translator.card)
    scale = options.translator.scale
    made_by = f"{label(version)}, {translator.card.inference_mode}, {scale} scale"
    job = _job(film, version, checked.encoding, made_by=made_by)
    logger.info("%s, translated with %s", counted(checked.facts.num_frames, "frame"), made_by)
    with (
        unfinished_folder(output, job, discard_other=options.overwrite) as folder,
        interrupted_as(lambda: _kept_after_interruption(folder)),
    ):
        with _removed_if_useless(folder):
            translated = translate_parts(
                translator,
                film,
                folder,
                num_frames=checked.facts.num_frames,
                encoding=checked.encoding,
                scale=scale,
            )
        whole = folder / output.name
        with written_to(output):
            assemble(
                film,
                translated.paths,
                whole,
                look=checked.look,
                last_duration_s=checked.facts.last_duration_s,
                with_sound=options.with_sound,
                comment=f"translated with {made_by}",
            )
            put_in_place(whole, output)
        remove(folder)
    return translated.num_frames


def _job(film: Path, version: ModelVersion, encoding: Encoding, *, made_by: str) -> Job:
    """What the finished parts depend on: those of another job are not continued."""
    return {
        "film_sha256": sha256_of_file(film),
        "model_sha256": version.tags[CONTENT_TAG],
        "model": made_by,
        "codec": encoding.codec.name,
        "crf": encoding.crf,
        "versions": f"torch {torch.__version__}, av {library_version()}",
    }


class _Checked(NamedTuple):
    """A film that can be translated, and how the result is encoded."""

    facts: FilmFacts
    look: Look
    encoding: Encoding


def _checked(film: Path, output: Path, options: FilmOptions) -> _Checked:
    """Read what the film is. Raises UserError if there can be no such result of it."""
    with opened(film):  # so that what is no film is named before its output is
        codec = kind_of(output).codec
    crf = checked_crf(codec, options.crf)
    check_film_output(film, output, overwrite=options.overwrite)
    facts = inspect(film)
    look = next(film_frames(film)).look
    check_pixels_fit(look, film, output)
    if options.with_sound:
        check_sound_fits(film, output)
    return _Checked(facts, look, Encoding(codec, crf, facts.time_base, facts.rate))


def _kept_after_interruption(folder: Path) -> str:
    """Say what is kept of a film whose translation was interrupted; remove a folder of nothing."""
    if any(folder.glob("*.nut")):
        return (
            f"interrupted; the finished parts are kept in {folder}, and the same command continues "
            "from them"
        )
    remove(folder)
    return (
        f"interrupted before the first part of {PART_FRAMES} frames was finished; nothing is kept, "
        "and the same command begins anew"
    )


@contextmanager
def _removed_if_useless(folder: Path) -> Iterator[None]:
    """Remove the folder after an error if the same call could not continue from its parts."""
    try:
        yield
    except UserError as error:
        # A film that has to be changed has other parts then.
        if isinstance(error, FilmError) or not any(folder.glob("*.nut")):
            remove(folder)
        raise
