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
            scale=scale,
            max_memory_gib=max_memory_gib,
        )
    check_all_translated(folder, input_dir)
    logger.info("%d images are in %s", len(folder.files), output_dir)
