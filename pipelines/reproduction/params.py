"""The parameters of a training, changed so that the same training runs here."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pipelines.repository.params_file import PARAMS_FILE
from pipelines.reproduction.machines import threads_here
from pipelines.tracking.train_record import TrainRecord
from pix2pix.config import OWN_SOURCES
from pix2pix.files import write_text


def params_here(training: TrainRecord, *, checkout: Path, project_dir: Path) -> dict[str, Any]:
    """Return the content of params.yaml for the training in the workspace `checkout`.

    What the result depends on is as recorded, also where params.yaml left it to the hardware: the
    precision, the memory layout, the number of workers and of their threads, and whether they
    compute on a GPU. The training gets a folder and an experiment in MLflow of its own, so that it
    does not continue another training of the same parameters and is not taken for a new one.
    """
    params: dict[str, Any] = copy.deepcopy(dict(training.params))
    params["train"] |= _where(training)
    if params["data"]["source"] in OWN_SOURCES:
        params["data"]["path"] = _folder(params["data"]["path"], checkout, project_dir)
    if params["train"]["storage_path"] is not None:
        params["train"]["storage_path"] += "/reproductions"
    params["register"]["experiment"] += "-reproductions"
    return params


def write_params(checkout: Path, params: Mapping[str, Any]) -> None:
    """Make `params` the content of params.yaml in the workspace."""
    write_text(checkout / PARAMS_FILE, json.dumps(params, indent=2) + "\n")  # JSON is YAML


def _where(training: TrainRecord) -> Mapping[str, Any]:
    """Return the keys of `train` that say where and how it computes."""
    where: dict[str, Any] = {"ray_address": None}  # RAY_ADDRESS names the present cluster
    if training.computing is not None:
        kept = ("precision", "channels_last")
        where |= {key: training.computing[key] for key in kept if key in training.computing}
    if training.machines:
        machine = training.machines[0]
        where["num_workers"] = machine.num_workers
        where["cpus_per_worker"] = threads_here(machine)
        where["device"] = "gpu" if machine.gpu and torch.cuda.is_available() else "cpu"
    return where


def _folder(path: str, checkout: Path, project_dir: Path) -> str:
    """Return the folder of the raw pairs: in the checkout if git or DVC has it, else the user's."""
    is_tracked = (checkout / path).exists() or (checkout / f"{path}.dvc").exists()
    return path if is_tracked else str((project_dir / path).resolve())
