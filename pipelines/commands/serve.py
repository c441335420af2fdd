"""`pix2pix serve`: registered models behind HTTP, with a page to try them."""

from collections.abc import Sequence
from typing import Annotated

import typer

from pipelines.registry.reference import REFERENCE_HELP
from pipelines.serving import defaults


def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help=f"Registered models: {REFERENCE_HELP}."),
    ],
    host: Annotated[
        str,
        typer.Option(
            help="Address; any but loopback needs PIX2PIX_SERVE_TOKEN in the environment."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the address.")] = 8000,
    min_replicas: Annotated[
        int, typer.Option(help="Processes of each model, when little is asked.")
    ] = defaults.MIN_REPLICAS,
    max_replicas: Annotated[
        int | None, typer.Option(help="Processes when much is asked; default: --min-replicas.")
    ] = None,
    cpus_per_replica: Annotated[
        float, typer.Option(help="CPU cores of each process.")
    ] = defaults.CPUS_PER_REPLICA,
    gpus_per_replica: Annotated[
        float, typer.Option(help="GPUs of each process; 0.5: two share one.")
    ] = defaults.GPUS_PER_REPLICA,
    max_batch_size: Annotated[
        int, typer.Option(help="Images of one size that are translated at once.")
    ] = defaults.MAX_BATCH_SIZE,
    batch_wait_ms: Annotated[
        float, typer.Option(help="How long an image waits for others of its batch.")
    ] = defaults.BATCH_WAIT_MS,
    max_queued: Annotated[
        int, typer.Option(help="Waiting requests; further ones are answered with 429.")
    ] = defaults.MAX_QUEUED,
    max_body_mib: Annotated[
        float, typer.Option(help="Longest body that is read, MiB.")
    ] = defaults.MAX_BODY_MIB,
    max_megapixels: Annotated[
        float, typer.Option(help="Largest image that is decoded.")
    ] = defaults.MAX_MEGAPIXELS,
    max_memory_gib: Annotated[
        float | None, typer.Option(help="Memory of each process, as of `pix2pix translate`.")
    ] = None,
    look_s: Annotated[
        float, typer.Option(help="Seconds after which the registry is asked for a new version.")
    ] = defaults.LOOK_S,
) -> None:
    """Serve registered models over HTTP, with a page to try them.

    It runs until Ctrl-C, on a Ray of its own or on the cluster of RAY_ADDRESS. If NAME@champion
    names another version, that one is taken over while requests go on. docs/serving.md describes
    requests and answers.

    For example: pix2pix serve models:/pix2pix-facades-drawn@champion --port 8000
    """
    from pydantic import ValidationError

    from pipelines.serving.options import ServeOptions
    from pipelines.serving.server import serve_until_interrupted
    from pipelines.tracking.uri import recorded_uri
    from pix2pix.config.validation_text import first_wrong

    try:
        options = ServeOptions(
            models=tuple(models),
            min_replicas=min_replicas,
            max_replicas=min_replicas if max_replicas is None else max_replicas,
            cpus_per_replica=cpus_per_replica,
            gpus_per_replica=gpus_per_replica,
            max_batch_size=max_batch_size,
            batch_wait_ms=batch_wait_ms,
            max_queued=max_queued,
            max_body_mib=max_body_mib,
            max_megapixels=max_megapixels,
            max_memory_gib=max_memory_gib,
            look_s=look_s,
        )
    except ValidationError as error:
        raise typer.BadParameter(first_wrong(error.errors(), named=_option)) from None
    serve_until_interrupted(options, uri=recorded_uri(), host=host, port=port)


def _option(place: Sequence[int | str]) -> str:
    """The option of a field of ServeOptions; the empty text for what concerns several."""
    return "".join(f"--{str(part).replace('_', '-')}" for part in place[:1])
