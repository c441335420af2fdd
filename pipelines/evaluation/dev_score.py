"""Score a model by L1 on the prepared dev split, with the code that training uses."""

import math
from pathlib import Path

from pipelines.evaluation.device import best_device
from pix2pix.checkpoint import load_generator
from pix2pix.data.loader import EvalBatches
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.training.dev import dev_metrics

_BATCH_SIZE = 8  # images; it affects only the speed


def dev_l1(model_dir: Path, prepared_dir: Path) -> float:
    """Return the mean L1 on the dev split, pixels in [0, 1], in the model's own inference mode.

    The model must fit the data, see `model_fit.misfit`. Raises UserError if L1 is not finite.
    """
    device = best_device()
    manifest = load_manifest(prepared_dir)
    generator, card = load_generator(model_dir)
    batches = EvalBatches(
        open_split(prepared_dir, "dev"),
        source=manifest.source,
        target=manifest.target,
        batch_size=_BATCH_SIZE,
        device=device,
    )
    pairs = ((source.contiguous(), target) for source, target, _ in batches)
    l1 = dev_metrics(generator.to(device), pairs, seed=card.seed)[f"dev/l1_{card.inference_mode}"]
    if not math.isfinite(l1):
        raise UserError(f"dev L1 of the model in {model_dir} on {prepared_dir} is {l1}")
    return l1
