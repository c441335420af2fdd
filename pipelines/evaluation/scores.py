"""Score a model and the baselines on the prepared test split, and write the files of scores."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pipelines.evaluation.device import inference_device
from pipelines.evaluation.model_content import MODEL_KEY, content_hash
from pipelines.json_files import write_json
from pipelines.paths import METRICS_PATH, METRICS_TABLE_PATH, PANELS_DIR, PER_IMAGE_PATH
from pix2pix.checkpoint import load_generator
from pix2pix.config import EvaluateConfig, height_width
from pix2pix.data.batch import stacked_valid
from pix2pix.data.groups import groups_of
from pix2pix.data.loader import EvalBatches
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import PreparedSplit, open_split, stacked
from pix2pix.data.ranges import to_network
from pix2pix.data.reference import reference_positions, reference_targets
from pix2pix.data.sources import part_sources
from pix2pix.evaluation.baselines import (
    IDENTITY,
    MEAN_TARGET,
    mean_image,
    mean_target_fake,
    why_no_identity,
)
from pix2pix.evaluation.extractors import FeatureExtractor, choose_extractor
from pix2pix.evaluation.feature_cache import CachedExtractor
from pix2pix.evaluation.features import extract_features
from pix2pix.evaluation.image_groups import groups_named
from pix2pix.evaluation.panels import Extremes, panel_image
from pix2pix.evaluation.protocol import Protocol, measuring_packages
from pix2pix.evaluation.report import MODEL, Report, make_report, per_image_csv, report_json
from pix2pix.evaluation.scoring import Reference, Scorer, SplitScores
from pix2pix.evaluation.table import format_table
from pix2pix.files import write_text
from pix2pix.images.grids import write_png
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceMode, InferenceNetwork
from pix2pix.models.residual import as_target
from pix2pix.tiled.batches import translated


class Evaluation(NamedTuple):
    """The result of scoring a model: the report, the scores of each image, the extreme images."""

    model_sha256: str  # see pipelines/evaluation/model_content.py
    report: Report
    scores: SplitScores
    extremes: Extremes


def evaluate_model(
    prepared_dir: Path,
    model_dir: Path,
    config: EvaluateConfig,
    *,
    group: str | None = None,
    features_dir: Path | None = None,
    mode: InferenceMode | None = None,
    warnings: tuple[str, ...] = (),
) -> Evaluation:
    """Score the model of `model_dir`, which must fit the data of `prepared_dir`.

    `group` is `data.group`: intervals draw the images of a group together. `features_dir` keeps the
    features of images for the next evaluation, see `feature_cache`. `mode` None means the
    inference mode of the model. `warnings` of the caller are the first ones of the report.
    Raises UserError naming a file that is missing or damaged.
    """
    device = inference_device()
    manifest = load_manifest(prepared_dir)
    generator, card = load_generator(model_dir)
    card = replace(card, inference_mode=mode or card.inference_mode)
    network, warning = choose_extractor(config.inception_weights, device)
    extractor: FeatureExtractor = network
    if features_dir is not None:
        extractor = CachedExtractor(network, features_dir)
    scores, extremes = _score_test_split(
        InferenceNetwork(generator.to(device), card.inference_mode),
        card.seed,
        prepared_dir=prepared_dir,
        extractor=extractor,
        config=config,
        group=group,
        device=device,
    )
    own_warnings = (text for text in (warning, _no_identity(manifest)) if text is not None)
    protocol = _protocol(manifest, card, extractor, config, group)
    report = make_report(
        scores, protocol=protocol, dev=card.dev, warnings=(*warnings, *own_warnings)
    )
    return Evaluation(content_hash(model_dir), report, scores, extremes)


def write_evaluation(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write metrics, per-image scores and pictures to `folder`; return the paths of the files."""
    model_sha256, report, scores, extremes = evaluation
    panels_dir = folder / PANELS_DIR.name
    best_path, worst_path = panels_dir / "best.png", panels_dir / "worst.png"
    per_image_path = folder / PER_IMAGE_PATH.name
    metrics_path, table_path = folder / METRICS_PATH.name, folder / METRICS_TABLE_PATH.name
    write_text(per_image_path, per_image_csv(scores))
    write_png(best_path, panel_image(extremes.best()))
    write_png(worst_path, panel_image(extremes.worst()))
    write_json(metrics_path, report_json(report) | {MODEL_KEY: model_sha256})
    write_text(table_path, f"{format_table(report)}\n")
    return [metrics_path, table_path, per_image_path, best_path, worst_path]


def _score_test_split(
    network: InferenceNetwork,
    seed: int,
    *,
    prepared_dir: Path,
    extractor: FeatureExtractor,
    config: EvaluateConfig,
    group: str | None,
    device: torch.device,
) -> tuple[SplitScores, Extremes]:
    """Score the model and each baseline that exists on the test split, batch by batch."""
    manifest = load_manifest(prepared_dir)
    train, test = open_split(prepared_dir, "train"), open_split(prepared_dir, "test")
    mean = mean_image(
        _train_targets(train, manifest, config),
        size_px=None if manifest.resize == "stretch" else height_width(manifest.image_size),
    )
    scorer = Scorer(extractor)
    extremes = Extremes(
        config.num_panels,
        source_alphas={name: side.alpha for name, side in manifest.sources.items()},
        target_alpha=manifest.target.alpha,
    )
    batches = EvalBatches(
        test,
        source=manifest.source,
        target=manifest.target,
        extra=manifest.extra_sides,
        batch_size=config.batch_size,
        device=device,
    )
    for source, target, pair_ids, valid in batches:
        fake = translated(network, source.contiguous(), seed=seed)
        fakes = {MODEL: fake, MEAN_TARGET: mean_target_fake(mean, target)}
        if _no_identity(manifest) is None:
            first = source[:, : manifest.source.network_channels]  # without extra sources
            fakes[IDENTITY] = as_target(first, target.shape[1])
        quality = scorer.update(fakes, target, pair_ids, valid=valid)[MODEL]
        sources = part_sources(source, manifest.sources)
        extremes.update(sources, fake, target, pair_ids=pair_ids, l1=quality.l1, valid=valid)
    groups = groups_named(groups_of(test.pair_ids, group))
    reference = _reference(prepared_dir, extractor, config, group)
    return scorer.finish(config, groups=groups, reference=reference), extremes


def _no_identity(manifest: Manifest) -> str | None:
    """Why the first source cannot stand for the target; None if it can."""
    if manifest.source.encoding == "one_hot":
        return f"{IDENTITY} is absent: one-hot classes are no picture of the target"
    return why_no_identity(manifest.source.channels, manifest.target.channels)


def _train_targets(
    train: PreparedSplit, manifest: Manifest, config: EvaluateConfig
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield batches (N, C, H, W) in [-1, 1] of all training targets.

    With each comes which pixels count, see `data.batch.Batch.valid`.
    """
    for group in train.groups(range(len(train.pair_ids)), config.batch_size):
        raw = torch.from_numpy(stacked(train.target, group))
        yield to_network(raw, manifest.target.value_range), stacked_valid(train, group)


def _reference(
    prepared_dir: Path, extractor: FeatureExtractor, config: EvaluateConfig, group: str | None
) -> Reference | None:
    manifest = load_manifest(prepared_dir)
    batches = (
        to_network(torch.from_numpy(raw), manifest.target.value_range)
        for raw in reference_targets(prepared_dir, batch_size=config.batch_size)
    )
    features = extract_features(batches, extractor)
    if features is None:
        return None
    train_ids = manifest.splits["train"].pair_ids
    names = groups_of([train_ids[position] for position in reference_positions(manifest)], group)
    return Reference(features, groups_named(names))


def _masked_sides(manifest: Manifest) -> Literal["none", "source", "target", "source and target"]:
    match manifest.source.is_masked, manifest.target.is_masked:
        case False, False:
            return "none"
        case True, False:
            return "source"
        case False, True:
            return "target"
        case _:
            return "source and target"


def _protocol(
    manifest: Manifest,
    card: ModelCard,
    extractor: FeatureExtractor,
    config: EvaluateConfig,
    group: str | None,
) -> Protocol:
    test = manifest.splits["test"]
    return Protocol(
        split="test",
        split_hash=test.hash,
        num_images=len(test.pair_ids),
        num_groups=len(set(groups_of(test.pair_ids, group))),
        resize=manifest.resize,
        image_size=test.size_px,
        direction=manifest.direction,
        resize_kernel=manifest.target.kernel,
        value_range=manifest.target.value_range,
        masked=_masked_sides(manifest),
        extractor=extractor.name,
        extractor_sha256=extractor.weights_sha256,
        inference_mode=card.inference_mode,
        seed=config.seed,
        num_bootstrap=config.num_bootstrap,
        confidence=config.confidence,
        kid_subset_size=min(config.kid_subset_size, len(test.pair_ids)),
        packages=measuring_packages(),
    )
