"""A project folder with real prepared data, and models of random weights with their real scores."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from safetensors.numpy import load_file, save_file

from pipelines.entrypoint import run
from pipelines.evaluation.model_content import content_hash
from pipelines.json_files import write_json
from pipelines.paths import CHECKS_PATH
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.package import PACKAGED_MODEL
from pipelines.registry.register import Registration
from pipelines.repository.presets import complete_preset
from pipelines.stages import register
from pipelines.tracking.description import data_record
from pix2pix.checkpoint import load_generator
from pix2pix.config import Params, SyntheticConfig, load_params
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.model_card import ModelCard, load_card
from pix2pix.models import InferenceMode, InferenceNetwork, translate
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from pix2pix.training.dev import better_mode
from tests.support.mlflow_process import closed_port
from tests.support.model_folders import write_model
from tests.support.tracked_project import write_project

ROOT = Path(__file__).parents[2]
MODEL = "pix2pix-smoke-drawn"
PREPARED, MODELS, REPORTS = Path("data/prepared"), Path("models"), Path("reports")

_SIZES = {"image_size: 64": "image_size: 32", "load_size: 72": "load_size: 36"}

PROTOCOL = {
    "split": "test",
    "split_hash": "h",
    "num_images": 4,
    "image_size": 32,
    "direction": "AtoB",
    "resize_kernel": "area",
    "extractor": "x",
    "extractor_sha256": "y",
    "kid_subset_size": 4,
}


def write_params(folder: Path) -> Params:
    """The smoke parameters at 32 px."""
    text = complete_preset("smoke", ROOT)
    for old, new in (_SIZES | {"dev_fraction: 0.1": "dev_fraction: 0.4"}).items():
        assert old in text
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text)
    return load_params(folder / "params.yaml")


def write_data(folder: Path, *, seed: int, num_train: int = 7) -> Manifest:
    """Drawn pairs, prepared: data/prepared below `folder`."""
    folder.mkdir(parents=True)
    params = write_params(folder)
    raw = folder / "raw"
    write_synthetic(raw, SyntheticConfig(num_train=num_train, num_test=4, size_px=64, seed=seed))
    return prepare_pairs(raw, folder / PREPARED, params.data, num_workers=1).manifest


def write_workspace(folder: Path, data: Path) -> Path:
    """A project with the data of `write_data` and what a training reports; not yet a model."""
    write_project(folder)
    write_params(folder)
    (folder / "data").mkdir()
    (folder / PREPARED).symlink_to(data / PREPARED)
    write_json(folder / CHECKS_PATH, {"offences": {}})
    return folder


def checks(*pairs_of_items: list[str]) -> dict[str, Any]:
    """A report of the checks with an item of these pairs each."""
    return {"offences": {"kind": {"items": [{"pairs": pairs} for pairs in pairs_of_items]}}}


def train(seed: int, *, test: dict[str, float] | None = None) -> ModelCard:
    """A model of random weights in the current project, as a training of its own leaves it."""
    card = _write_weights(seed)
    dev = {f"dev/l1_{mode}": dev_l1(MODELS, mode) for mode in ("published", "deterministic")}
    dev = {"dev/l1": min(dev.values()), **dev}
    _write_card(dataclasses.replace(card, dev=dev, inference_mode=better_mode(dev)))
    train_path, metrics_path = REPORTS / "train.json", REPORTS / "metrics.json"
    record = {
        "run_key": f"training-{seed}",
        "data": dataclasses.asdict(
            data_record(load_manifest(PREPARED), name=load_params().data.name)
        ),
    }
    train_path.write_text(json.dumps(json.loads(train_path.read_text()) | record))
    scores = {"num_images": 4, **(test or {"l1": 0.25, "l1_low": 0.2, "ssim": 0.5})}
    metrics_path.write_text(json.dumps({"test": scores, "protocol": PROTOCOL}))
    seal()
    return load_card(MODELS)


def seal() -> None:
    """Make training and scores those of the model that is here, as the stages record it."""
    for name in ("train.json", "metrics.json"):
        path = REPORTS / name
        content = {"model_sha256": content_hash(MODELS)}
        path.write_text(json.dumps(json.loads(path.read_text()) | content))


def change_card(**changes: Any) -> None:
    """Say something else about the weights of the current project."""
    _write_card(dataclasses.replace(load_card(MODELS), **changes))
    seal()


def register_model() -> dict[str, Any]:
    """Run the stage `register`; its register.json."""
    run(register.main)
    loaded: dict[str, Any] = json.loads((REPORTS / "register.json").read_text())
    return loaded


def unreachable_version(
    client: MlflowClient, patch: pytest.MonkeyPatch, *, is_proxied: bool = False
) -> ModelVersion:
    """Another version, whose files are in an object store that does not answer.

    `is_proxied`: a server of MLflow stands before the store, and does not answer either.
    """
    address = f"http://127.0.0.1:{closed_port()}"
    patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    patch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
    patch.setenv("AWS_ACCESS_KEY_ID", "x")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    patch.setenv("AWS_MAX_ATTEMPTS", "1")
    tags = {CONTENT_TAG: "0" * 64}
    proxy = f"{address}/api/2.0/mlflow-artifacts/artifacts/version"
    source = proxy if is_proxied else "s3://bucket/version"
    return client.create_model_version(MODEL, source, tags=tags)


def put_version(client: MlflowClient) -> Registration:
    """A version of an empty file, of a run of its own, and register.json: as `register` does.

    In place of a training and a package where only numbers, aliases and tags are looked at.
    """
    found = client.get_experiment_by_name("x")
    experiment_id = found.experiment_id if found else client.create_experiment("x")
    run_id = client.create_run(experiment_id).info.run_id
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    source = Path("versions", run_id).resolve()
    write_json(source / PACKAGED_MODEL / "model.json", {})
    number = str(client.create_model_version(MODEL, str(source), run_id=run_id).version)
    registration = Registration(
        model=MODEL,
        version=number,
        model_uri=f"models:/{MODEL}/{number}",
        run_id=run_id,
        experiment_id=experiment_id,
        tracking_uri=client.tracking_uri,
    )
    write_json(REPORTS / "register.json", dataclasses.asdict(registration))
    return registration


def dev_l1(model_dir: Path, mode: InferenceMode) -> float:
    """L1 on the dev split, from the definition: image by image, from the stored arrays."""
    generator, card = load_generator(model_dir)
    network = InferenceNetwork(generator, mode)
    arrays = [np.load(PREPARED / "dev" / f"{role}.npy") for role in ("source", "target")]
    sources, targets = (
        torch.from_numpy(array.astype(np.float32)).permute(0, 3, 1, 2).contiguous() / 127.5 - 1
        for array in arrays
    )
    scores = [
        float(0.5 * (translate(network, source[None], seeds=[card.seed]) - target)
              .abs().double().mean())
        for source, target in zip(sources, targets, strict=True)
    ]  # fmt: skip
    return sum(scores) / len(scores)


def _write_weights(seed: int) -> ModelCard:
    manifest = load_manifest(PREPARED)
    torch.manual_seed(seed)
    return write_model(
        MODELS,
        name=load_params().data.name,
        source=manifest.source,
        target=manifest.target,
        data_hash=manifest.data_hash,
    )


def _write_card(card: ModelCard) -> None:
    (MODELS / "model.json").write_text(json.dumps(dataclasses.asdict(card)))


def champion(client: MlflowClient) -> str | None:
    """The number of the version that has the alias `champion`; None: there is none."""
    number = client.get_registered_model(MODEL).aliases.get("champion")
    return None if number is None else str(number)


def decision() -> dict[str, Any]:
    made: dict[str, Any] = register_model()["decision"]
    return made


def tag(uri: str, number: str) -> str:
    return MlflowClient(uri).get_model_version(MODEL, number).tags["pix2pix.champion"]


def shift(amount: float) -> None:
    """Make every translation of the current model brighter by `amount` (of tanh's input)."""
    path = MODELS / "generator.safetensors"
    weights = load_file(path)
    name = "up.0.conv.bias"  # of the outermost level
    save_file(weights | {name: weights[name] + np.float32(amount)}, path)
    seal()
