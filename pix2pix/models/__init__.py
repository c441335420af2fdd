"""The two networks of pix2pix, their initial weights, and the reading of published weights.

Start with `generator` and `discriminator`; `inference_network` is the generator as it is used after
training.
"""

from pix2pix.models.build import network_configs
from pix2pix.models.discriminator import DiscriminatorConfig, PatchDiscriminator
from pix2pix.models.generator import GeneratorConfig, UNetGenerator
from pix2pix.models.inference_network import InferenceMode, InferenceNetwork, translate
from pix2pix.models.initialization import initialize

__all__ = [
    "DiscriminatorConfig",
    "GeneratorConfig",
    "InferenceMode",
    "InferenceNetwork",
    "PatchDiscriminator",
    "UNetGenerator",
    "initialize",
    "network_configs",
    "translate",
]
