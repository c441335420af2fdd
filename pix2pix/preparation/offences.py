"""Offences: what can be wrong with a pair or with a data set, and how to correct it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pix2pix.config import SIZE_MULTIPLE_PX, SMALLEST_PX
from pix2pix.images.names import REMEDY as NAME_REMEDY

OffenceKind = Literal[
    "bad_name",
    "unread_format",
    "wrong_layout",
    "identical_sides",
    "recipe_on_labels",
    "unreadable",
    "slices_differ",
    "missing_partner",
    "same_stem",
    "outside_split_folders",
    "odd_width",
    "size_mismatch",
    "wrong_channels",
    "mixed_dtype",
    "no_value_range",
    "narrow_range",
    "constant_image",
    "label_values",
    "mask_values",
    "lossy_labels",
    "out_of_range",
    "no_data",
    "nothing_counts",
    "too_small",
    "crop_too_large",
    "duplicate_across_splits",
    "near_duplicate_across_splits",
    "no_group",
    "group_across_splits",
    "too_few_pairs",
]

REMEDIES: dict[OffenceKind, str] = {
    "bad_name": NAME_REMEDY,
    "unread_format": "convert the files to PNG, or to TIFF where PNG cannot hold the values",
    "wrong_layout": "set data.layout: two_folders",
    "identical_sides": "a network would learn to copy: correct data.folder_a or data.folder_b, or "
    "set data.layout: side_by_side if each file shows A and B",
    "recipe_on_labels": "recipes are for photos: correct data.path; or set data.layout: "
    "two_folders and data.recipe.kind: null, and give the other side of the pairs",
    "unreadable": "replace or remove the file",
    "slices_differ": "all volumes of a pair need the same slices: correct slices of a side, or "
    "resample one of the volumes to the grid of the others",
    "missing_partner": "each folder needs a file of the same stem; add it or remove the others",
    "same_stem": "a stem must be unique in its folder; rename or remove one of the files",
    "outside_split_folders": "move the files into train, val, dev or test, or remove them",
    "odd_width": "a file A|B must divide into two equal halves; set layout: two_folders if it is "
    "not one, or write it again",
    "size_mismatch": "resize or crop one of the two so that both show the same region; or set "
    "data.side_b.scale, or scale of the extra source, to how many times as large its images are, "
    "null if that varies",
    "wrong_channels": "convert the files, or correct channels or grayscale of the side in "
    "params.yaml",
    "mixed_dtype": "store all images of a side in one depth; a set is prepared as one array",
    "no_value_range": "set value_range: [low, high] of the side in params.yaml",
    "narrow_range": "set value_range of the side to what its values can be, or num_labels if they "
    "are class ids: at least a tenth must be used, or errors look ten times better than they are",
    "constant_image": "an image of one flat colour is usually a failed export; replace or remove "
    "it, or set kind: labels if the side holds masks, of which some may be empty",
    "label_values": "correct num_labels, or set void_label to the id of pixels without a class "
    "(often 255), or ignore_label, which leaves such pixels out; set num_labels: null if the "
    "values are no class ids",
    "mask_values": "if the files of the side hold only 0 and this value, set num_labels: null, "
    "which takes the values as they are; else correct num_labels, or set void_label to the id of "
    "pixels without a class",
    "lossy_labels": "lossy compression changes class ids near every edge: export them without "
    "loss, as PNG, or as TIFF with DEFLATE (whether JPEG 2000, JPEG XL, JPEG XR, WEBP or LERC lost "
    "something is not known of a TIFF file, so that they are refused)",
    "out_of_range": "widen value_range of the side, or clip the values",
    "no_data": "such values usually mean that nothing was measured: set nodata of the side to the "
    "value, which leaves such pixels out; to widen value_range so far would leave next to nothing "
    "of it for the data",
    "nothing_counts": "correct nodata or ignore_label of the sides, or remove the pair",
    "too_small": f"lower data.image_size ({SIZE_MULTIPLE_PX} at least) or remove the pair, because "
    "enlarging would invent detail; with data.resize: none, pairs of less than "
    f"{SMALLEST_PX} px cannot be scored: remove them",
    "crop_too_large": f"lower data.image_size ({SIZE_MULTIPLE_PX} at least) or use larger images: "
    "reflections would fill up every crop",
    "duplicate_across_splits": "remove one copy: testing on what was trained on proves nothing",
    "near_duplicate_across_splits": "remove one of the two, or put both in one split, which "
    "data.group can do; lower data.near_duplicate_bits if they are different pictures (-1: no "
    "search)",
    "no_group": "data.group must find a group in the id of every pair (its path without suffix): "
    "correct it, or rename the files",
    "group_across_splits": "put all pairs of a group into one folder, or correct data.group",
    "too_few_pairs": "add pairs or repair the bad ones; each of train, dev and test needs one",
}


@dataclass(frozen=True, slots=True)
class Offence:
    """One thing that is wrong with the data.

    `pair_ids` are the pairs that `on_bad_pair: exclude` leaves out; it is empty if leaving out
    pairs does not correct the offence. `paths` are the files to look at, relative to the data
    folder.
    """

    kind: OffenceKind
    pair_ids: tuple[str, ...]
    paths: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        return f"{', '.join(self.paths)}: {self.message}" if self.paths else self.message


class BadPair(ValueError):  # noqa: N818 (not an error of the program)
    """A pair is unusable; `path` is the file that is wrong, None if it is the pair as a whole."""

    def __init__(self, kind: OffenceKind, message: str, *, path: Path | None = None) -> None:
        super().__init__(message if path is None else f"{path}: {message}")
        self.kind: OffenceKind = kind
        self.message = message
        self.path = path
