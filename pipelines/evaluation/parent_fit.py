"""Say how the images and settings of a parent differ from those of a training that starts from it.

Such a parent is allowed: networks soon learn other ranges, sizes and kinds of images. But a
difference that nobody meant is hard to find later, so it is logged and recorded.
"""

from pipelines.evaluation.model_fit import misfit
from pix2pix.data.manifest import Manifest
from pix2pix.models import GeneratorConfig
from pix2pix.parent import Parent


def unlike_parent(parent: Parent, manifest: Manifest, config: GeneratorConfig) -> str | None:
    """Return the differences as one sentence, or None if there are none.

    `manifest` describes the data of the training, and `config` its generator.
    """
    if parent.card is None:
        return "the file of the weights does not say what images they were trained on"
    before = parent.card.generator
    settings = (
        ("dropout", before.dropout, config.dropout),
        ("dropout layout", before.dropout_layout, config.dropout_layout),
        ("number of residual channels", before.residual_channels, config.residual_channels),
    )
    reasons = [f"its {name} is {old}, here {own}" for name, old, own in settings if old != own]
    return "; ".join(filter(None, [misfit(parent.card, manifest), *reasons])) or None
