"""`pix2pix export`: a model as files for other programs, and as a page for people."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.registry.reference import REFERENCE_HELP


def export(
    model: Annotated[
        str, typer.Argument(help=f"Registered model: {REFERENCE_HELP}; or a model folder: models.")
    ],
    output_dir: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the files.")],
    mode: Annotated[
        Literal["both", "published", "deterministic"],
        typer.Option(
            help="Inference modes to export; the example and the page use the model's own mode if "
            "it is among them."
        ),
    ] = "both",
    fp16: Annotated[
        bool,
        typer.Option("--fp16", help="Also with weights in half precision: half the size."),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Also with 8-bit integers: a quarter of the size."),
    ] = False,
    page: Annotated[
        bool,
        typer.Option(help="Write index.html, which translates in the browser without a server."),
    ] = True,
) -> None:
    """Export a model to ONNX and torch.export, and as a page.

    An example shows how the files are used. Nothing is written if a file does not compute what the
    model computes; errors of smaller files are measured. The page needs onnxruntime-web, which
    `make web` installs.

    For example: pix2pix export models:/pix2pix-facades-drawn@champion out
    """
    from pix2pix.export.libraries import check_libraries

    check_libraries()
    from pipelines.registry.export import export_model
    from pix2pix.export.folder import Smaller

    chosen: dict[Smaller, bool] = {"fp16": fp16, "int8": int8}
    export_model(
        model,
        output_dir,
        modes=("published", "deterministic") if mode == "both" else (mode,),
        smaller=[kind for kind, is_wanted in chosen.items() if is_wanted],
        has_page=page,
    )
