"""`pix2pix translate`: translate the images of a folder."""

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.registry.reference import REFERENCE_HELP

logger = logging.getLogger(__name__)


def translate(
    model: Annotated[str, typer.Option(help=f"Registered model: {REFERENCE_HELP}.")],
    input_dir: Annotated[
        Path, typer.Option("--input", metavar="DIR", help="Folder of the images.")
    ],
    output_dir: Annotated[
        Path,
        typer.Option("--output", metavar="DIR", help="Folder of the results; names are kept."),
    ],
    extra_source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="Folder of a further source of a model that was trained with data.extra_sources, "
            "such as depth=in/depth; give it once for each. Files pair by their relative paths "
            "without suffix.",
        ),
    ] = None,
    scale: Annotated[
        Literal["training", "native"],
        typer.Option(
            help="training: resize each image as in training, for which the model was scored; "
            "native: keep its own size, for which the model was not trained unless data.resize "
            "was none."
        ),
    ] = "training",
    max_memory_gib: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Memory that this command may take (on a GPU, the GPU's), with the 1 GiB that it "
            "always needs; larger images are translated in tiles, with temporary files. Default: "
            "all that is available.",
        ),
    ] = None,
) -> None:
    """Translate every image below a folder with a registered model.

    The file manifest.json beside the results lists the images and those that failed.

    For example: pix2pix translate --model pix2pix-facades-drawn@champion --input in --output out
    """
    import torch

    from pipelines.registry.translate import check_all_translated, translate_folder
    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import tracking_uri

    # Otherwise a GPU may sum in another order in each call, with other rounding errors.
    torch.backends.cudnn.deterministic = True
    with connected(tracking_uri()) as client:
        folder = translate_folder(
            client,
            model,
            input_dir=input_dir,
            output_dir=output_dir,
            extra_dirs=_extra_dirs(extra_source or []),
            scale=scale,
            max_memory_gib=max_memory_gib,
        )
    check_all_translated(folder, input_dir)
    logger.info("%d images are in %s", len(folder.files), output_dir)


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
