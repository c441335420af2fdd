"""Train each task of params/tasks for minutes on real pictures, score it, and draw a sheet of all.

Networks and images are smaller than those of the presets (16 channels, 96 px), and trainings are
shorter and of batch 1, which makes more steps of few pictures; all else is the preset's. A task
that was finished is not trained again as long as its folder in --work is there, so that an
interruption costs one task; --only trains and shows some of them.

    pip install --no-deps --target ../photos scikit-image
    npm pack emoji-datasource-google@16.0.0 --pack-destination ..
    tar xzf ../emoji-datasource-google-16.0.0.tgz -C ../photos package
    python -m benchmarks.tasks --maps ../shared/datasets/maps --photos ../photos/skimage/data \
        --emoji ../photos/package --work ../tasks --out benchmarks/results/tasks.json \
        --write docs/tasks.md
"""

import argparse
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.markdown import with_sections
from benchmarks.task_pictures import (
    write_aerials,
    write_aerials_and_photos,
    write_facades,
    write_maps,
    write_objects,
    write_photo_parts,
)
from benchmarks.task_sheet import SHEET, row, section, sheet
from benchmarks.worker_group import processor
from pipelines.evaluation.scores import evaluate_model
from pipelines.repository.presets import preset_params
from pipelines.training.batches import dev_set, train_batches
from pipelines.training.trained_model import write_model
from pix2pix.atomic import new_directory
from pix2pix.config import Params
from pix2pix.cores import num_cores
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.evaluation.report import report_json
from pix2pix.files import write_text
from pix2pix.images.grids import write_png
from pix2pix.images.image import read_image
from pix2pix.models import network_configs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.training import EpochResult, fit, new_state

_PROJECT_DIR = Path(__file__).resolve().parent.parent
_CPU = torch.device("cpu")
_CHANNELS = 16
_IMAGE_PX = 96
_NUM_BOOTSTRAP = 300
_NUM_THREADS = 1  # two are slower where another process computes, too
_GROUP = "^([a-z]+/(?:[a-z]+|[0-9]+))"  # the crops of a photo stay in one split

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A preset of params/tasks, its pictures, its length, and the test picture in the sheet."""

    name: str
    pictures: str
    num_epochs: int  # half of them with a falling learning rate
    shown: str  # pair id


TASKS = (
    Task(name="labels-to-photo", pictures="facades", num_epochs=14, shown="test/0003"),
    Task(name="edges-to-object", pictures="objects", num_epochs=60, shown="test/000-monkey_face"),
    Task(name="design-to-product", pictures="aerials", num_epochs=48, shown="test/10"),
    Task(name="colourise", pictures="parts", num_epochs=40, shown="test/flower-22"),
    Task(name="colour-to-grey", pictures="photos", num_epochs=10, shown="test/china-02"),
    Task(name="photo-to-edges", pictures="parts", num_epochs=80, shown="test/flower-22"),
    Task(name="photo-to-sketch", pictures="photos", num_epochs=16, shown="test/chelsea-01"),
    Task(name="aerial-to-map", pictures="maps", num_epochs=16, shown="test/10-0"),
    Task(name="map-to-aerial", pictures="maps", num_epochs=24, shown="test/10-0"),
    Task(name="inpaint", pictures="parts", num_epochs=60, shown="test/chelsea-01"),
    Task(name="denoise", pictures="photos", num_epochs=40, shown="test/chelsea-01"),
    Task(name="super-resolve", pictures="photos", num_epochs=20, shown="test/china-02"),
)


def run_task(task: Task, *, root: Path, work_dir: Path) -> dict[str, Any]:
    """Prepare, train and score a task in `work_dir`; return its scores.

    If it was done before, the stored scores are returned.
    """
    result_path = work_dir / "result.json"
    if result_path.is_file():
        stored: dict[str, Any] = json.loads(result_path.read_text(encoding="utf-8"))
        return stored
    params = task_params(task, root)
    prepared_dir, model_dir = work_dir / "prepared", work_dir / "model"
    prepare_pairs(root, prepared_dir, params.data, num_workers=_NUM_THREADS)
    started_s = time.process_time()  # a clock would count what other programs do, too
    _train(params, prepared_dir, model_dir)
    minutes = (time.process_time() - started_s) / 60
    report = report_json(evaluate_model(prepared_dir, model_dir, params.evaluate).report)
    write_png(work_dir / "row.png", row(task.shown, prepared_dir, model_dir))
    result = {"minutes": minutes, "pictures": task.pictures, "epochs": task.num_epochs, **report}
    write_text(result_path, json.dumps(result, indent=2) + "\n")
    return result


def task_params(task: Task, root: Path) -> Params:
    """The preset with the user's folder, small networks and images, and more steps per picture."""
    # Not `workload.preset`, which allows every epoch to be kept.
    params = preset_params(f"tasks/{task.name}", _PROJECT_DIR)
    data, falling = params.data, task.num_epochs // 2
    load = data.load_size  # as many times as large as the crops as in the preset
    assert load is None or isinstance(load, int)
    assert isinstance(data.image_size, int)
    return replace(
        params,
        data=replace(
            data,
            source="folder",
            path=str(root),
            group=_GROUP,
            near_duplicate_bits=-1,  # the splits of each set of pictures are apart
            image_size=_IMAGE_PX,
            load_size=None if load is None else load * _IMAGE_PX // data.image_size,
            crops_per_pair=1,
        ),
        model=replace(params.model, base_channels=_CHANNELS, discriminator_channels=_CHANNELS),
        train=replace(
            params.train,
            device="cpu",
            num_epochs=task.num_epochs - falling,
            num_decay_epochs=falling,
            best_from_epoch=_best_from_epoch(params, task),
            batch_size=1,
            sample_every_epochs=task.num_epochs,
            num_samples=1,
            precision="float32",
        ),
        evaluate=replace(params.evaluate, num_bootstrap=_NUM_BOOTSTRAP),
    )


def _best_from_epoch(params: Params, task: Task) -> int:
    """As in the preset, but at the latest when a quarter of this shorter training is left."""
    return min(params.train.best_from_epoch, 3 * task.num_epochs // 4)


def _train(params: Params, prepared_dir: Path, model_dir: Path) -> None:
    manifest = load_manifest(prepared_dir)
    state = new_state(*network_configs(params), config=params.train)
    dev = dev_set(open_split(prepared_dir, "dev"), manifest, samples=[0], device=_CPU)
    train = open_split(prepared_dir, "train")
    with train_batches(train, params, manifest, device=_CPU) as batches:
        for result in fit(state, batches, params.train, dev=dev):
            assert isinstance(result, EpochResult)  # no checkpoints within an epoch
            logger.info("%s epoch %d: %s", params.data.name, state.epoch, dict(result.metrics))
    assert state.best is not None
    write_model(model_dir, state.best, params=params, manifest=manifest)


def _writers(
    maps_dir: Path, photos_dir: Path, emoji_dir: Path
) -> dict[str, Callable[[Path], None]]:
    """What writes each set of pictures into a folder."""
    return {
        "facades": partial(
            write_facades, config=preset_params("default", _PROJECT_DIR).data.synthetic
        ),
        "maps": partial(write_maps, maps_dir=maps_dir),
        "aerials": partial(write_aerials, maps_dir=maps_dir),
        "photos": partial(write_aerials_and_photos, maps_dir=maps_dir, photos_dir=photos_dir),
        "objects": partial(write_objects, emoji_dir=emoji_dir),
        "parts": partial(write_photo_parts, photos_dir=photos_dir),
    }


def main() -> None:
    """Run all tasks that are not done, write a JSON file, the sheet, and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("maps", "photos", "emoji", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    names = [task.name for task in TASKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TASK")
    options = parser.parse_args()
    tasks = [task for task in TASKS if task.name in options.only]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(_NUM_THREADS)
    writers = _writers(options.maps, options.photos, options.emoji)
    for name in {task.pictures: None for task in tasks}:
        folder = options.work / "pictures" / name
        if not folder.exists():
            with new_directory(folder) as unfinished:
                writers[name](unfinished)
    results = {
        task.name: run_task(
            task,
            root=options.work / "pictures" / task.pictures,
            work_dir=options.work / task.name,
        )
        for task in tasks
    }
    found = {
        "where": f"{processor()}, {num_cores()} cores; torch {torch.__version__}; {date.today()}",
        "tasks": results,
    }
    write_text(options.out, json.dumps(found, indent=2) + "\n")
    if options.write is not None:
        rows = {name: read_image(options.work / name / "row.png") for name in results}
        write_png(options.write.parent / SHEET, sheet(rows))
        document = options.write.read_text(encoding="utf-8")
        write_text(options.write, with_sections(document, {"tasks": section(results)}))


if __name__ == "__main__":
    main()
