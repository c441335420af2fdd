"""`pix2pix translate`: translate a film, an image, or the images of a folder."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, assert_never

import typer

from pipelines.registry.reference import REFERENCE_HELP
from pipelines.translation.translation_input import (
    InputKind,
    check_film_output,
    check_image_output,
    kind_of_input,
)
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


def translate(
    model: Annotated[str, typer.Option(help=f"Registered model: {REFERENCE_HELP}.")],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Film, image, or folder of images.")
    ],
    result: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="Film (.mp4, .mov, .mkv or .webm), image (.png or .tif), or folder of the "
            "results, which keep their names.",
        ),
    ],
    extra_source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="Folders: that of a further source of a model that was trained with "
            "data.extra_sources, such as depth=in/depth; give it once for each. Files pair by "
            "their relative paths without suffix.",
        ),
    ] = None,
    from_photo: Annotated[
        bool,
        typer.Option(
            "--from-photo",
            help="Images: they are photos, from which the recipe of the model's training "
            "(data.recipe) makes the sources.",
        ),
    ] = False,
    scale: Annotated[
        Literal["training", "native"],
        typer.Option(
            help="training: resize each image as in training, for which the model was scored; "
            "native: keep its own size, for which the model was not trained unless data.resize "
            "was none."
        ),
    ] = "training",
    mode: Annotated[
        Literal["published", "deterministic"] | None,
        typer.Option(
            help="published: with dropout and the statistics of each image; deterministic: without "
            "both. Default: what was better on the dev split."
        ),
    ] = None,
    max_memory_gib: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Memory that this command may take (on a GPU, the GPU's), with the 1 GiB that it "
            "always needs; larger images are translated in tiles, with temporary files. Default: "
            "all that is available.",
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            help="Films: constant rate factor of the encoder, lower is better and larger. Default: "
            "18 for H.264, 24 for VP9 (.webm).",
        ),
    ] = None,
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Films: leave the sound out.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results that exist.")
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Folders: keep results that exist, and make the others."),
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help="Folders: translate on the Ray cluster of RAY_ADDRESS, or on all cores of this "
            "machine. Every node must see both folders.",
        ),
    ] = False,
) -> None:
    """Translate a film, an image, or every image below a folder.

    A film keeps its sound, frame rate, orientation and colour marks. If its translation is
    interrupted, the same command continues; for a folder, it continues with --keep. The file
    manifest.json beside the results of a folder lists the images and those that failed.

    For example: pix2pix translate in.mp4 out.mp4 --model pix2pix-facades-drawn@champion
    """
    kind = kind_of_input(source, result)
    if kind != "film":
        others = {"--crf": crf is not None, "--no-sound": no_sound}
        _refuse_options(source, kind, others, of="films")
    if kind != "folder":
        others = {"--keep": keep, "--cluster": cluster, "--extra-source": bool(extra_source)}
        _refuse_options(source, kind, others, of="folders")
    if kind == "film":
        _refuse_options(source, kind, {"--from-photo": from_photo}, of="folders and images")
    if overwrite and keep:
        raise UserError("give --overwrite or --keep, not both")
    extra_dirs = _extra_dirs(extra_source or [])
    _check_output(kind, source, result, extra_dirs=extra_dirs, overwrite=overwrite)

    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import recorded_uri
    from pipelines.translation.translator_options import TranslatorOptions

    options = TranslatorOptions(
        scale=scale, mode=mode, max_memory_gib=max_memory_gib, from_photo=from_photo
    )
    with connected(recorded_uri()) as client:
        asked = (client, model, source, result)
        match kind:
            case "folder":
                existing = "overwrite" if overwrite else "keep" if keep else "refuse"
                _translate_folder(
                    *asked,
                    extra_dirs=extra_dirs,
                    options=options,
                    existing=existing,
                    on_cluster=cluster,
                )
            case "image":
                _translate_image(*asked, options=options, overwrite=overwrite)
            case "film":
                _translate_film(
                    *asked,
                    translator=options,
                    crf=crf,
                    with_sound=not no_sound,
                    overwrite=overwrite,
                )
            case _:
                assert_never(kind)


def _refuse_options(source: Path, kind: InputKind, given: Mapping[str, bool], *, of: str) -> None:
    """Raise UserError if one of these options, which inputs of this kind do not have, was given."""
    options = [option for option, is_given in given.items() if is_given]
    if options:
        article = "an" if kind == "image" else "a"
        raise UserError(f"{source} is {article} {kind}; {options[0]} is for {of}: leave it out")


def _check_output(
    kind: InputKind,
    source: Path,
    result: Path,
    *,
    extra_dirs: Mapping[str, Path],
    overwrite: bool,
) -> None:
    """Raise UserError if the result cannot be written, before large libraries are imported."""
    if kind == "folder":
        from pipelines.translation.translation_plan import check_folders

        check_folders(source, result, extra_dirs=extra_dirs)
    elif kind == "image":
        check_image_output(source, result, overwrite=overwrite)
    else:
        check_film_output(source, result, overwrite=overwrite)


def _translate_folder(client: Any, model: str, source: Path, result: Path, **options: Any) -> None:
    from pipelines.translation.translate_folder import (
        check_all_translated,
        counts,
        translate_folder,
    )

    folder = translate_folder(client, model, input_dir=source, output_dir=result, **options)
    check_all_translated(folder, source)
    logger.info("%s", counts(folder, result))


def _translate_image(client: Any, model: str, source: Path, result: Path, **options: Any) -> None:
    from pipelines.translation.translate_image import translate_image

    written = translate_image(client, model, image=source, output=result, **options)
    logger.info("the translated image is %s", written)


def _translate_film(client: Any, model: str, source: Path, result: Path, **options: Any) -> None:
    from pipelines.translation.translate_film import FilmOptions, translate_film
    from pix2pix.plural import counted

    num_frames = translate_film(
        client, model, film=source, output=result, options=FilmOptions(**options)
    )
    logger.info("%s: %s", result, counted(num_frames, "frame"))


def _extra_dirs(options: list[str]) -> dict[str, Path]:
    """The folders of `--extra-source NAME=DIR` by name."""
    extra_dirs: dict[str, Path] = {}
    for option in options:
        name, is_given, folder = option.partition("=")
        if not is_given or not name or not folder or name in extra_dirs:
            raise typer.BadParameter(
                f"{option!r} must be NAME=DIR, each name once", param_hint="--extra-source"
            )
        extra_dirs[name] = Path(folder)
    return extra_dirs
