"""Measure the evaluation: all scores of a test split, and the translations behind them.

    python -m benchmarks.scoring [--images 500]

The plain way is that of `separate_scripts`. Both sides use EfficientNet's features, whose weights
are in a package, and both give the same numbers; the project's have intervals, too.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from benchmarks.ceilings import measured_ceilings
from benchmarks.costs import count_networks
from benchmarks.rows import Ceilings, Row
from benchmarks.separate_scripts import (
    fidelity_scores,
    pixel_scores,
    translate_to_files,
    write_files,
)
from benchmarks.workload import preset, with_length
from pipelines.evaluation.scores import evaluate_model
from pipelines.training.trained_model import write_model
from pix2pix.checkpoint import load_generator
from pix2pix.config import Params, height_width
from pix2pix.data.prepared import open_split
from pix2pix.data.reference import reference_targets
from pix2pix.evaluation.report import report_json
from pix2pix.models import InferenceNetwork, PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.models import translate as translate_batch
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from pix2pix.training import Best

TOPIC = "evaluation"

_COMMAND = "python -m benchmarks.scoring"
_BATCH = 8
_REPEATS = 5

_Result = TypeVar("_Result")
Scores = Mapping[str, Mapping[str, float]]  # by set of images, by metric


class Work(NamedTuple):
    """A model that has not been trained, which costs as much to score, and its data."""

    params: Params
    prepared_dir: Path
    model_dir: Path


def measured_rows(ceilings: Ceilings, *, num_images: int = 500) -> list[Row]:
    """Measure the scores of `num_images` images of the preset `default`, and translations."""
    with tempfile.TemporaryDirectory() as folder:
        work = made_work(Path(folder), num_images)
        return [*_rows_of_scores(work, Path(folder), num_images), *_rows_of_translation(ceilings)]


def made_work(folder: Path, num_images: int) -> Work:
    """Draw and prepare pairs, as many for training as for the test, and write a model."""
    default = with_length(preset("default"), num_train=num_images + num_images // 8, num_epochs=1)
    synthetic = replace(default.data.synthetic, num_test=num_images)
    params = replace(default, data=replace(default.data, synthetic=synthetic))
    write_synthetic(folder / "raw", synthetic)
    manifest = prepare_pairs(folder / "raw", folder / "prepared", params.data).manifest
    torch.manual_seed(0)
    generator_config, discriminator_config = network_configs(params)
    best = Best(
        epoch=1,
        dev={"dev/l1": 0.1, "dev/l1_published": 0.1, "dev/l1_deterministic": 0.2},
        generator=UNetGenerator(generator_config).state_dict(),
        discriminator=PatchDiscriminator(discriminator_config).state_dict(),
    )
    write_model(folder / "model", best, params=params, manifest=manifest)
    return Work(params, folder / "prepared", folder / "model")


def project_scores(work: Work, features_dir: Path) -> Scores:
    """The scores of metrics.json."""
    evaluation = evaluate_model(
        work.prepared_dir, work.model_dir, work.params.evaluate, features_dir=features_dir
    )
    report = report_json(evaluation.report)
    return {"model": report["test"], **report["baselines"]}


def separate_scores(work: Work, folder: Path) -> Scores:
    """The same scores by the plain way, in new folders below `folder`."""
    train, test = (open_split(work.prepared_dir, split) for split in ("train", "test"))
    generator, card = load_generator(work.model_dir)
    config = work.params.evaluate
    mean = np.asarray(np.mean(np.asarray(train.target), axis=0, dtype=np.float64))
    height, width = height_width(work.params.data.image_size)
    others = chain.from_iterable(reference_targets(work.prepared_dir, batch_size=_BATCH))
    translate_to_files(generator, _images(test.source), folder / "model", seed=card.seed)
    write_files(_images(test.target), folder / "real")
    write_files(_images(test.source), folder / "identity")
    write_files(
        [_resized(mean.astype(np.float32), height, width)] * len(test), folder / "mean_target"
    )
    write_files(others, folder / "real_vs_real")
    subset_size = min(config.kid_subset_size, len(test))
    scores = {}
    for name in ("model", "mean_target", "identity", "real_vs_real"):
        scores[name] = fidelity_scores(
            folder / name, folder / "real", subset_size=subset_size, seed=config.seed
        )
        if name != "real_vs_real":
            scores[name] |= pixel_scores(folder / name, folder / "real")
    return scores


def largest_difference(first: Scores, second: Scores) -> float:
    """The largest difference of two scores, relative to the larger one or to 0.01."""
    return max(
        abs(value - first[name][metric]) / max(abs(value), abs(first[name][metric]), 0.01)
        for name, metrics in second.items()
        for metric, value in metrics.items()
    )


def _images(images: object) -> list[np.ndarray]:
    return [np.asarray(image) for image in images]  # type: ignore[attr-defined]


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A float32 image (H, W, 3) as the evaluation resizes the mean target, in uint8."""
    stretched = torch.nn.functional.interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None],
        size=[height, width],
        mode="bilinear",
        antialias=True,
    )
    return stretched.round().clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0).numpy()


def _timed(function: Callable[[], _Result]) -> tuple[_Result, float]:
    started_s = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started_s


def _rows_of_scores(work: Work, folder: Path, num_images: int) -> list[Row]:
    features_dir = folder / "features"
    first, first_s = _timed(lambda: project_scores(work, features_dir))
    plain, plain_s = _timed(lambda: separate_scores(work, folder / "files"))
    again, again_s = _timed(lambda: project_scores(work, features_dir))
    assert again == first
    difference = largest_difference(first, plain)
    what = "torch-fidelity for each set of images, then torchmetrics, over PNG files"
    return [
        Row(
            topic=TOPIC,
            name=f"all scores of {num_images} images at 128 px, {name}",
            value=value,
            unit="s",
            plain=plain_s,
            plain_is=what,
            lower_is_better=True,
            command=_COMMAND,
            predicted=predicted,
            note=f"with intervals, which the plain way has not; {note}",
        )
        for name, value, predicted, note in (
            (
                "first evaluation",
                first_s,
                "2x: four passes of the extractor in place of eight",
                f"the scores differ by at most {difference:.1e}",
            ),
            (
                "same data again",
                again_s,
                "4x: no pass of the extractor over images that were scored before",
                "the same model: another one needs one pass over its translations",
            ),
        )
    ]


def _rows_of_translation(ceilings: Ceilings) -> list[Row]:
    """The inference mode `published` in batches, against the published way, at 256 px."""
    params = preset("reference")
    torch.manual_seed(0)
    generator = UNetGenerator(network_configs(params)[0]).train()
    height, width = height_width(params.data.image_size)
    images = torch.rand(_BATCH, 3, height, width) * 2 - 1
    network = InferenceNetwork(generator, "published")

    @torch.no_grad()
    def published() -> None:
        for image in images:
            generator(image[None])

    def batched() -> None:
        translate_batch(network, images, seeds=[0] * _BATCH)

    pairs = [(_timed(batched)[1], _timed(published)[1]) for _ in range(_REPEATS + 1)][1:]
    ours_s, plain_s = (median(times) for times in zip(*pairs, strict=True))
    flops = count_networks(params).generator.forward_flops
    return [
        Row(
            topic=TOPIC,
            name=f"translation at 256 px, mode published, batch {_BATCH}",
            value=_BATCH / ours_s,
            unit="images/s",
            plain=_BATCH / plain_s,
            plain_is="the network in training mode, one image at a time",
            limit=ceilings.flops_per_s["float32"] / flops,
            limit_is="float32 products",
            command=_COMMAND,
            predicted="1.2x to 1.5x on CPUs, where arithmetic is the limit; 3x needs a GPU",
        )
    ]


def main() -> None:
    """Measure and print each row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    ceilings = measured_ceilings(torch.device("cpu"))
    for row in measured_rows(ceilings, num_images=parser.parse_args().images):
        print(row, row.ratio, row.share_of_limit, sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
