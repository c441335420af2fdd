"""Translate every image of a folder with a registered model version, in its inference mode."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from mlflow import MlflowClient

from pipelines.entrypoint import interrupted_as
from pipelines.json_files import write_json
from pipelines.registry.lookup import find_version, label
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.model_files import downloaded
from pipelines.translation.translated_files import translate_files
from pipelines.translation.translation_plan import (
    NO_EXTRA,
    Existing,
    SourceImage,
    check_folders,
    left_out,
    no_pictures,
    planned,
    without_existing,
)
from pipelines.translation.translator_options import TranslatorOptions
from pipelines.translation.volume_results import volume_files, write_volumes
from pix2pix.errors import UserError
from pix2pix.images.names import first_names, printable
from pix2pix.inference import InferenceScale, check_makes_sources
from pix2pix.model_card import ModelCard, load_card
from pix2pix.models import InferenceMode
from pix2pix.plural import counted

MANIFEST_NAME = "manifest.json"

_MAX_LISTED = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatedFolder:
    """The content of the output's manifest.json; paths are relative to input and output folder."""

    model: str
    version: str
    model_sha256: str  # of weights and card, as registered
    inference_mode: InferenceMode
    scale: InferenceScale
    from_photo: bool  # whether a recipe made the sources from the files
    files: Mapping[str, str]  # source file to output file
    failed: Mapping[str, str]  # source file to the reason of the failure
    left_alone: tuple[str, ...]  # files that are no images
    kept: tuple[str, ...]  # source files whose results existed, and were not made again
    volumes: Mapping[str, str]  # source volume to the volume of its translated slices


def translate_folder(
    client: MlflowClient,
    reference: str,
    *,
    input_dir: Path,
    output_dir: Path,
    extra_dirs: Mapping[str, Path] = NO_EXTRA,
    options: TranslatorOptions = TranslatorOptions(),  # noqa: B008 - frozen
    existing: Existing = "refuse",
    on_cluster: bool = False,
) -> TranslatedFolder:
    """Translate the images of `input_dir`; write them and manifest.json to `output_dir`.

    `extra_dirs` are the folders of the model's extra sources by name. Raises UserError if there is
    no such version or no image, if the folders overlap, or if the names are not those of the model.
    Raises InterruptionError after a signal.
    Images that cannot be translated are named in the result. With `on_cluster` a Ray cluster
    translates, see `cluster_translation`.
    """
    check_folders(input_dir, output_dir, extra_dirs=extra_dirs)
    version = find_version(client, reference)
    manifest_path = output_dir / MANIFEST_NAME
    with downloaded(client, version) as model_dir:
        card = load_card(model_dir)
        _check_names(card, extra_dirs)
        if options.from_photo:
            check_makes_sources(card)
        plan = planned(
            input_dir, output_dir, source=card.source, target=card.target, extra_dirs=extra_dirs
        )
        volumes = volume_files(plan).values()
        to_make = without_existing(plan, existing=existing, volumes=volumes)
        if existing != "overwrite":
            _refuse_other_manifest(manifest_path)
        logger.info("translating %s with %s", counted(len(to_make), "image"), label(version))
        manifest_path.unlink(missing_ok=True)  # an earlier one does not describe these images
        with interrupted_as(lambda: _kept_after_interruption(output_dir, existing)):
            failures = _translate(model_dir, to_make, options, on_cluster=on_cluster)
    written = write_volumes(plan, failures, target=card.target)
    failures |= {SourceImage(path): why for path, why in left_out(input_dir).items()}
    done = {source: path for source, path in to_make.items() if source not in failures}
    names = partial(_names, input_dir=input_dir, output_dir=output_dir)
    folder = TranslatedFolder(
        model=version.name,
        version=str(version.version),
        model_sha256=version.tags[CONTENT_TAG],
        inference_mode=options.mode or card.inference_mode,
        scale=options.scale,
        from_photo=options.from_photo,
        files=names(done),
        kept=tuple(_name(source, input_dir) for source in plan if source not in to_make),
        failed={_name(source, input_dir): reason for source, reason in failures.items()},
        left_alone=_left_alone(input_dir),
        volumes=names({SourceImage(path): output for path, output in written.items()}),
    )
    write_json(manifest_path, asdict(folder))
    return folder


def _translate(
    model_dir: Path,
    plan: Mapping[SourceImage, Path],
    options: TranslatorOptions,
    *,
    on_cluster: bool,
) -> dict[SourceImage, str]:
    """Translate here or on a cluster; return the images that failed, with the reasons."""
    if on_cluster:
        from pipelines.translation.cluster_translation import translate_on_cluster  # imports Ray

        return translate_on_cluster(model_dir, plan, options)
    return translate_files(options.load(model_dir), plan, scale=options.scale)


def _refuse_other_manifest(path: Path) -> None:
    """Raise UserError if a file has the name of the manifest and was not written as one.

    Others use this name, too: web pages, and the prepared data of this project.
    """
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not (isinstance(found, dict) and {"model_sha256", "files"} <= found.keys()):
        raise UserError(
            f"{path} exists and is no list of translated images, which gets this name; name "
            "another folder, or give --overwrite to replace it"
        )


def _kept_after_interruption(output_dir: Path, existing: Existing) -> str:
    kept = f"interrupted; the finished images are in {output_dir}"
    if existing == "overwrite":  # which of them are old ones, nobody can tell
        return f"{kept}, and the same command makes all of them again"
    return f"{kept}; with --keep the same command makes only the others"


def _check_names(card: ModelCard, extra_dirs: Mapping[str, Path]) -> None:
    needed = {extra.name for extra in card.extra_sources}
    if needed == extra_dirs.keys():
        return
    options = " ".join(f"--extra-source {name}=DIR" for name in sorted(needed))
    raise UserError(
        f"model {card.name} has {'the extra sources ' + options if needed else 'no extra source'}"
        f", got {' and '.join(extra_dirs) or 'none'}"
    )


def _left_alone(input_dir: Path) -> tuple[str, ...]:
    """The names of the files that are no images, which are logged."""
    others = no_pictures(input_dir)
    if others:
        listed = first_names([str(path) for path in others])
        logger.warning("ignored %s of other kinds: %s", counted(len(others), "file"), listed)
    return tuple(_name(SourceImage(path), input_dir) for path in others)


def _names(
    files: Mapping[SourceImage, Path], *, input_dir: Path, output_dir: Path
) -> dict[str, str]:
    """Source files and their outputs, relative to the two folders."""
    return {
        _name(source, input_dir): output.relative_to(output_dir).as_posix()
        for source, output in files.items()
    }


def _name(source: SourceImage, input_dir: Path) -> str:
    return printable(Path(str(source)).relative_to(input_dir).as_posix())


def counts(folder: TranslatedFolder, output_dir: Path) -> str:
    """How many images are in the output folder, and where they are from if some were kept."""
    num_images = len(folder.files) + len(folder.kept)
    made = f"{len(folder.files)} translated, {len(folder.kept)} kept; " if folder.kept else ""
    return f"{made}{counted(num_images, 'image', verb='are')} in {output_dir}"


def check_all_translated(folder: TranslatedFolder, input_dir: Path) -> None:
    """Raise UserError naming the images that could not be translated."""
    failed = [f"  {input_dir / name}: {reason}" for name, reason in folder.failed.items()]
    if not failed:
        return
    total = len(folder.files) + len(failed) + len(folder.kept)
    if len(failed) > _MAX_LISTED:
        failed[_MAX_LISTED:] = [f"  ... and {len(failed) - _MAX_LISTED} more, see {MANIFEST_NAME}"]
    raise UserError(
        "\n".join([f"{len(folder.failed)} of {total} images could not be translated:", *failed])
    )
