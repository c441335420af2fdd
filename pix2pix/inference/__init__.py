"""Translate images with a trained model, with the same conversions as in training and scoring."""

from pix2pix.inference.from_photo import check_makes_sources
from pix2pix.inference.source_images import Images
from pix2pix.inference.translator import InferenceScale, Translator

__all__ = ["Images", "InferenceScale", "Translator", "check_makes_sources"]
