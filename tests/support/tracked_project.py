"""A finished training as files, an MLflow database, and everything a run in it holds."""

import dataclasses
import functools
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
from mlflow import MlflowClient

from pipelines.repository.origin import Origin
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.samples import sample_name
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pipelines.tracking.description import RunDescription, data_record
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.train_record import TrainRecord, write_train_record
from pix2pix.config import Params, load_params
from pix2pix.data.manifest import Manifest, SplitRecord
from tests.support.model_folders import PHOTO

ROOT = Path(__file__).parents[2]
RUN_KEY = "7d8f6d0c-0b1e-4f5e-9b7e-2f4b8c1d2e3f"
STARTED_S = 1_763_000_000.25
ORIGIN = Origin(  # of no checkout and no environment that a test runs in
    commit="a" * 40,
    is_dirty=True,
    python="3.11.99",
    torch="2.0.99+cpu",
    packages="numpy==1.99.0\ntorch==2.0.99+cpu\n",
)
USER = "the-one-who-trained"
_DRAWN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # in names of images

HISTORY = [
    {"epoch": 0, "step": 0, "time_s": STARTED_S + 1.0, "dev/l1": 0.4, "dev/psnr_db": 7.25},
    *(
        {
            "epoch": epoch,
            "step": epoch * 5,
            "time_s": STARTED_S + 1.0 + 10.5 * epoch,
            "train/loss_d": 0.7 / epoch,
            "train/loss_g_l1": 0.1 + 0.2 / epoch,
            "dev/l1": 0.4 / (epoch + 1),
            "dev/psnr_db": 7.25 + epoch,
        }
        for epoch in (1, 2, 3)
    ),
]
SAMPLE_EPOCHS = (0, 2, 3)
SCORES = {
    "test": {"l1": 0.1, "l1_low": 0.09, "psnr_db": 10.5, "fid": None, "num_images": 4},
    "baselines": {"mean_target": {"l1": 0.3, "l1_low": 0.28}, "untrained": {"l1": 0.5}},
    "protocol": {"num_bootstrap": 100},
}


@functools.cache
def _template() -> tempfile.TemporaryDirectory[str]:
    """An empty database; making one takes seconds of migrations, copying it none."""
    folder = tempfile.TemporaryDirectory()
    with connected(f"sqlite:///{folder.name}/mlflow.db"):  # this makes the tables
        return folder


def new_database(folder: Path) -> str:
    """The URI of an empty MLflow database in `folder`."""
    folder.mkdir(exist_ok=True, parents=True)
    shutil.copyfile(Path(_template().name) / "mlflow.db", folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def write_project(folder: Path) -> Path:
    """The files of the stages up to `evaluate`, in the project folder `folder`."""
    reports = folder / "reports"
    write_samples(reports / "samples")
    write_train_record(
        reports / "train.json",
        train_record(load_params(ROOT / "params" / "default.yaml")),
    )
    (reports / "history.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in HISTORY))
    (reports / "metrics.json").write_text(json.dumps(SCORES))
    (reports / "per_image.csv").write_text("pair_id,l1\nx,0.1\n")
    write_picture(reports / "augmentation.png", seed=0)
    write_lock(folder)
    return folder


def train_record(params: Params, **changes: object) -> TrainRecord:
    """The record of three epochs; `changes` are to it."""
    record = TrainRecord(
        run_key=RUN_KEY,
        name=f"facades-drawn {RUN_KEY}",
        started_s=STARTED_S,
        elapsed_s=40.0,
        num_workers=1,
        epochs=3,
        best_epoch=3,
        origin=ORIGIN,
        user=USER,
        params=dataclasses.asdict(params),
        data=data_record(small_manifest(params), name=params.data.name),
        model_sha256="0" * 64,
    )
    return dataclasses.replace(record, **changes)


def complete(uri: str, project: Path, params: Params) -> MlflowRun:
    """Have MLflow hold the run of the project, as the stage `register` does."""
    with connected(uri) as client:
        return complete_run(client, project, experiment=params.register.experiment)


def write_samples(folder: Path) -> Folder:
    """Sample grids of some epochs."""
    folder.mkdir(parents=True)
    for epoch in SAMPLE_EPOCHS:
        write_picture(folder / sample_name(epoch), seed=epoch)
    return open_folder(str(folder))


def write_lock(folder: Path) -> None:
    """A dvc.lock of these files, as `dvc repro` would leave it."""
    md5 = {
        name: hashlib.md5((folder / name).read_bytes()).hexdigest()
        for name in ("reports/train.json", "reports/metrics.json")
    }
    prepared, models = {"data/prepared": "aa.dir"}, {"models": "bb.dir"}
    outs = {
        "prepare": prepared,
        "train": models | {"reports/train.json": md5["reports/train.json"]},
        "evaluate": {"reports/metrics.json": md5["reports/metrics.json"]},
        "register": {"reports/register.json": "cc"},
    }
    deps = {"train": prepared, "evaluate": prepared | models}
    stages = {
        name: {
            kind: [{"path": path, "hash": "md5", "md5": held} for path, held in of.items()]
            for kind, of in (("deps", deps.get(name, {})), ("outs", made))
        }
        for name, made in outs.items()
    }
    # JSON is YAML.
    (folder / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))


def write_picture(path: Path, *, seed: int) -> None:
    path.write_bytes(png(seed))


def small_manifest(params: Params) -> Manifest:
    splits = {
        name: SplitRecord(32, tuple(f"{name}{i}" for i in range(size)), ("0" * 64,) * size, "h")
        for name, size in (("train", 5), ("dev", 2), ("test", 4))
    }
    return Manifest(
        format=2,
        direction=params.data.direction,
        image_size=32,
        load_size=36,
        source=PHOTO,
        target=PHOTO,
        splits=splits,
        data_hash="d" * 64,
    )


def described(params: Params, *, run_key: str = RUN_KEY) -> RunDescription:
    return RunDescription(
        run_key=run_key,
        name=f"facades-drawn {run_key}",
        started_s=STARTED_S,
        experiment=params.register.experiment,
        params=dataclasses.asdict(params),
        data=data_record(small_manifest(params), name=params.data.name),
        origin=ORIGIN,
        user=USER,
    )


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def history_points(history: list[dict[str, float]]) -> dict[str, list[tuple[int, float, int]]]:
    """What `metric_points` finds in a run that holds each point of `history` once."""
    return {
        key: [
            (line["epoch"], line[key], round(line["time_s"] * 1000))
            for line in history
            if key in line
        ]
        for key in sorted({key for line in history for key in line if "/" in key})
    }


def metric_points(uri: str, run_id: str) -> dict[str, list[tuple[int, float, int]]]:
    """Every point of every metric: (step, value, timestamp in ms), in order of the steps."""
    client = MlflowClient(uri)
    return {
        key: sorted((p.step, p.value, p.timestamp) for p in client.get_metric_history(run_id, key))
        for key in client.get_run(run_id).data.metrics
    }


def everything(uri: str, run_id: str) -> dict[str, object]:
    """All that a run holds, except the identifiers MLflow draws and what machines measure."""
    client = MlflowClient(uri)
    run = client.get_run(run_id)
    return {
        "metrics": metric_points(uri, run_id),
        "params": run.data.params,
        "tags": {
            key: _DRAWN_ID.sub("ID", value.replace(run_id, "RUN"))
            for key, value in run.data.tags.items()
        },
        "times": (run.info.start_time, run.info.end_time, run.info.status),
        "inputs": [
            (item.dataset.to_dictionary(), [(tag.key, tag.value) for tag in item.tags])
            for item in run.inputs.dataset_inputs
        ],
        "files": sorted(_files(client, run_id)),
    }


def _files(client: MlflowClient, run_id: str, folder: str | None = None) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for item in client.list_artifacts(run_id, folder):
        if item.is_dir:
            found += _files(client, run_id, item.path)
        else:
            found.append((_DRAWN_ID.sub("ID", item.path), item.file_size))
    return found
