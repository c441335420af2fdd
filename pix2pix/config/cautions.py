"""What valid parameters do, or do not do, that a person may not expect of them."""

from collections.abc import Iterator

from pix2pix.config.model import dropout_levels
from pix2pix.config.params import Params


def cautions(params: Params) -> list[str]:
    """Return a sentence for each set of parameters of a training that may surprise."""
    return [*_dropout_without_level(params), *_batch_norm_of_parts(params)]


def _dropout_without_level(params: Params) -> Iterator[str]:
    model = params.model
    if model.dropout > 0 and not dropout_levels(model.dropout_layout, params.depth):
        yield (
            f"model.dropout: {model.dropout:g} has no effect: a generator of depth {params.depth} "
            f"has no level with dropout in the layout {model.dropout_layout}, and so no noise. "
            "Set model.dropout_layout: torch, or model.dropout: 0"
        )


def _batch_norm_of_parts(params: Params) -> Iterator[str]:
    num_parts = params.train.num_microbatches
    if params.model.norm == "batch" and num_parts > 1:
        yield (
            f"train.num_microbatches: {num_parts} is another training than 1 with model.norm: "
            "batch, because batch norm uses the statistics of each part alone. With model.norm: "
            "instance or none only rounding differs"
        )
