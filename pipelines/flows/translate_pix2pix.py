"""Flow `translate-pix2pix`: translate the images of a folder with a registered model."""

import os
import tempfile
from pathlib import Path
from typing import Literal

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from pipelines.flows.commands import RETRIES, pix2pix
from pipelines.flows.run_names import run_name
from pipelines.processes.shell import Shell, stage_environment
from pipelines.tracking.uri import tracking_uri
from pix2pix.errors import UserError


@flow(name="translate-pix2pix", flow_run_name=run_name)
def translate_pix2pix(
    model: str,
    input_dir: str,
    output_dir: str,
    scale: Literal["training", "native"] = "training",
    mode: Literal["published", "deterministic"] | None = None,
    from_photo: bool = False,
    max_memory_gib: float | None = None,
    overwrite: bool = False,
    extra_sources: dict[str, str] | None = None,
    keep: bool = False,
) -> str:
    """Translate every image below a folder; returns the folder with the results.

    Args:
        model: registered model: NAME/VERSION, NAME@ALIAS, or NAME: its latest version
        input_dir: folder of images on the worker's machine, relative to the project
        output_dir: folder of the results, which keep their relative names
        scale: training: each image is resized as in training; native: it keeps its own size
        mode: published: with dropout and the statistics of each image; deterministic: without both;
            by default what was better on the dev split
        from_photo: the images are photos, from which the recipe of the model's training
            (data.recipe) makes the sources
        max_memory_gib: memory that the translation may take; larger images are translated in tiles,
            with temporary files; by default all that is available
        overwrite: replace results that exist; with neither this nor `keep`, nothing is done if
            there are any
        extra_sources: folders of the further sources of a model with data.extra_sources, by name
        keep: keep results that exist, and make the others
    """
    project_dir = Path.cwd()
    environment = stage_environment(project_dir) | {"MLFLOW_TRACKING_URI": tracking_uri()}
    with tempfile.TemporaryDirectory() as logs:
        shell = Shell(folder=project_dir, environment=environment, logs_dir=Path(logs))
        arguments = ["--scale", scale]
        if mode is not None:
            arguments += ["--mode", mode]
        if from_photo:
            arguments += ["--from-photo"]
        if max_memory_gib is not None:
            arguments += ["--max-memory-gib", str(max_memory_gib)]
        for name, folder in (extra_sources or {}).items():
            arguments += ["--extra-source", f"{name}={folder}"]
        arguments += ["--", input_dir, output_dir]  # their names may begin with a dash
        existing = existing_options(overwrite=overwrite, keep=keep)
        translate(shell, model, arguments, existing)
    get_run_logger().info("the results are in %s", os.path.abspath(output_dir))
    return output_dir


@task(cache_policy=NO_CACHE, **RETRIES)
def translate(shell: Shell, model: str, arguments: list[str], existing: list[str]) -> None:
    """Run the verb `translate`; when it is tried again, what it has made before is kept.

    `existing` are the options about results that exist, `arguments` the others and the folders.
    """
    if not existing and task_run.get_run_count() > 1:
        existing = ["--keep"]
    pix2pix(shell, "translate", "--model", model, *existing, *arguments)


def existing_options(*, overwrite: bool, keep: bool) -> list[str]:
    """The options of `pix2pix translate` about results that exist. Raises UserError for both."""
    if overwrite and keep:
        raise UserError("give overwrite or keep, not both")
    return ["--overwrite"] if overwrite else ["--keep"] if keep else []
