"""Translate a large image in bounded memory, with the result of the whole image at once.

The network is executed one layer after the other, and each layer tile by tile. A layer reads its
input from a temporary file and writes its output to another one, so that only one tile of one layer
is in memory. Each tile is read with the neighbouring pixels that its convolution needs, and a norm
uses the statistics of the whole image. The result therefore differs from that of the direct
computation by rounding only, and there are no seams.
"""

from pix2pix.tiled.passes import translate_in_tiles
from pix2pix.tiled.plan import TilePlan, least_bytes, make_plan, whole_bytes
from pix2pix.tiled.source import ImageSource, PaddedSource
from pix2pix.tiled.tiles import Tile

__all__ = [
    "ImageSource",
    "PaddedSource",
    "Tile",
    "TilePlan",
    "least_bytes",
    "make_plan",
    "translate_in_tiles",
    "whole_bytes",
]
