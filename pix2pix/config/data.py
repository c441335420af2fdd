"""Parameters of the pairs: their source, splits, checks and sizes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.data_checks import (
    check_has_key,
    check_has_one_group,
    check_inside,
    check_not_an_output,
    check_sizes,
)
from pix2pix.config.extra_source import (
    MAX_SOURCE_CHANNELS,
    ExtraSource,
    check_extra_sources,
)
from pix2pix.config.made_data import ArchiveConfig, SyntheticConfig
from pix2pix.config.patterns import DATA_NAME
from pix2pix.config.recipe import RecipeConfig, check_recipe, made_side
from pix2pix.config.side import AnyKernel, Kernel, SideConfig
from pix2pix.config.sizes import ImageSize, LoadSize, Scale, ScaleRule
from pix2pix.config.strict import STRICT, FilePath, Seed

Direction = Literal["AtoB", "BtoA"]
OWN_SOURCES = frozenset({"folder", "video"})  # the user's own files, in data.path


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """The pairs, and how they are split, checked and resized (stages ingest and prepare)."""

    __pydantic_config__ = STRICT

    name: Annotated[str, Field(pattern=DATA_NAME)]
    """Name of the data set. The model is registered as pix2pix-<name> unless register.model_name is
    set. Letters, digits and . _ - are allowed."""

    source: Literal["synthetic", "folder", "archive", "video"]
    """Where the pairs come from: synthetic (drawn by this project), folder (your own files, see
    data.path), archive (a published data set is downloaded) or video (frames of your own films,
    paired by time; they lie in data.path as layout two_folders tells)."""

    path: FilePath
    """Folder that holds your pairs, where source is folder or video; relative to the project or
    absolute. Other sources need data/raw. The folder must not overlap data/raw, data/prepared,
    models or reports, which the pipeline replaces."""

    layout: Literal["side_by_side", "two_folders", "photos"]
    """How a pair is stored: side_by_side (one file, side A on the left and side B on the right),
    two_folders (one file in folder_a and one in folder_b, with the same name except for the
    suffix) or photos (one file, which is side B; recipe makes side A of it)."""

    folder_a: Annotated[str, Field(min_length=1)]
    """Folder of the images of side A, relative to data.path. Used where layout is two_folders."""

    folder_b: Annotated[str, Field(min_length=1)]
    """Folder of the images of side B, relative to data.path. Used where layout is two_folders."""

    direction: Direction
    """Which side the model translates into which: AtoB (A is the source) or BtoA (B is the
    source)."""

    recipe: RecipeConfig
    side_a: SideConfig
    """With layout: photos, side A follows from recipe and side_b, and only its scale is read
    here."""

    side_b: SideConfig
    extra_sources: tuple[ExtraSource, ...]
    """Further images that the generator receives beside the source, such as depth or edges, in the
    order of their channels. Each has a name, a folder and a side. They need layout: two_folders and
    belong to the source in both directions. Empty: the source is a single image."""

    image_size: ImageSize
    """Size in pixels of the images that the networks are trained with: one number for squares, or
    [height, width]; multiples of 32, from 32 to 4096. Memory and time grow with its area."""

    resize: ScaleRule
    """How files come to the size of the networks: stretch (every image becomes a rectangle of one
    size, as published), fit (the aspect is kept; the shorter side becomes load_size) or none (the
    pixels stay as they are). With fit and none, the networks train on random crops of image_size,
    and whole images are scored and translated."""

    load_size: LoadSize | None
    """Size in pixels at which training pairs are stored, at least image_size and at most 8192. With
    resize: stretch, one number for squares, or [height, width]; a random part of image_size is cut
    out in training, and with equal sizes nothing is cut off. With resize: fit, one number: the
    length of the shorter side of all images. Null with resize: none."""

    crops_per_pair: Annotated[int, Field(ge=1, le=10_000)]
    """Number of random crops of each training pair in an epoch, from 1 to 10000. Raise it where the
    images are much larger than image_size, as with resize: none."""

    resize_kernel: Kernel
    """Filter that resizes images: area (averages, best for shrinking), bilinear or bicubic (as in
    the published code). Labels are always resized by the nearest pixel."""

    dev_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Share of the training pairs, between 0 and 1, that is held back as the dev split, on which
    the best epoch is chosen. Used only where the data has no folder dev, and no folder val beside a
    folder test."""

    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Share of all pairs, between 0 and 1, that is held back as the test split. Used only where the
    data has no test (or val) folder."""

    split_seed: Seed
    """Seed that decides which pairs go into the dev and test splits, from 0 to 2^32 - 1. Another
    value gives another split, so scores are no longer comparable."""

    group: Annotated[str | None, Field(min_length=1)]
    """Regular expression with one group in parentheses, searched for in the path of each pair
    without its suffix. Pairs for which the group matches the same text stay in one split, such as
    the frames of a clip: (clip\\d+)_. Null: each pair is split by itself."""

    frames_per_s: Annotated[float | None, Field(gt=0, le=1000)]
    """Number of frames that are taken from each second of a film, where source is video. Neighbours
    are nearly alike, so few teach as much as all. Null: every frame of side A."""

    on_bad_pair: Literal["fail", "exclude"]
    """What happens to pairs that cannot be used: fail (stop and report all of them) or exclude
    (leave them out and report them)."""

    near_duplicate_bits: Annotated[int, Field(ge=-1, le=64)]
    """How much two pairs may differ and still count as copies of one picture, from 0 (only the same
    picture) to 64; two pictures that have nothing in common differ by about 128. Copies in
    different splits are reported as bad pairs. Lower it if different pictures are reported; -1
    switches the search off."""

    pair_pattern: Annotated[str | None, Field(min_length=1)]
    """Regular expression that finds the key of a pair in the path of each file, without side folder
    and suffix: files of both sides with equal keys form a pair. It names the key as in
    (?P<key>.+)_(leftImg8bit|gtFine_color)$, and files that it does not match are left out. With
    groups named a and b it also says which side a file belongs to, so that both may lie in one
    folder: (?P<key>.+)_((?P<a>in)|(?P<b>out))$. It then also needs a group for each of
    extra_sources, with its name. With (?i) at its beginning, upper and lower case are not told
    apart. Null: equal paths form a pair."""

    synthetic: SyntheticConfig
    archive: ArchiveConfig

    def __post_init__(self) -> None:
        check_sizes(
            self.image_size,
            resize=self.resize,
            load_size=self.load_size,
            target_scale=self.target_scale,
        )
        if self.group is not None:
            check_has_one_group(self.group)
        if self.pair_pattern is not None:
            check_has_key(self.pair_pattern)
            if self.layout != "two_folders":
                raise ValueError("pair_pattern needs layout: two_folders")
        if self.layout == "side_by_side":
            self._check_one_file_for_both()
        check_recipe(
            self.recipe,
            self.side_b,
            layout=self.layout,
            source=self.source,
            direction=self.direction,
            scale=_ratio(self.side_b, self.side_a),
        )
        self._check_sources()
        check_inside("folder_a", self.folder_a)
        check_inside("folder_b", self.folder_b)
        if self.has_own_files:
            check_not_an_output(Path(self.path))
        else:
            self._check_made_pairs()
        if self.source == "video":
            self._check_films()

    @property
    def has_own_files(self) -> bool:
        """Whether the pairs come from the user's own files, in the folder `path`."""
        return self.source in OWN_SOURCES

    def _check_made_pairs(self) -> None:
        if self.path != "data/raw":
            raise ValueError(
                f"path must be data/raw for source: {self.source}, got {self.path!r}; set source: "
                "folder if your own pairs are there, or source: video if your films are"
            )
        if self.layout != "side_by_side":
            raise ValueError(
                f"source: {self.source} is stored side by side, got {self.layout}; set layout: "
                "side_by_side, or source: folder for your own images"
            )

    def _check_films(self) -> None:
        if self.layout != "two_folders":
            raise ValueError(f"source: video needs layout: two_folders, got {self.layout}")
        if self.group is None:
            raise ValueError(
                "source: video needs a group, or neighbouring frames would be in different splits; "
                "set group: (.+)/\\d+s/ to keep whole films together, or (.+/\\d+s)/ to keep ten "
                "seconds together where there are fewer than three pairs of films"
            )

    def _check_sources(self) -> None:
        if self.target_side.encoding == "one_hot":
            raise ValueError(
                "encoding: one_hot is for sources, but this direction makes these labels the "
                "target, of which the generator draws one channel; set encoding: scaled"
            )
        for each in self.extra_sources:
            check_inside(f"extra_sources: {each.name}: folder", each.folder)
        check_extra_sources(
            self.extra_sources,
            layout=self.layout,
            resize=self.resize,
            folders=(self.folder_a, self.folder_b),
            pattern=self.pair_pattern,
        )
        if self.source_channels > MAX_SOURCE_CHANNELS:
            raise ValueError(
                f"the generator would receive {self.source_channels} channels, and "
                f"{MAX_SOURCE_CHANNELS} are allowed; use fewer sources, or encoding: scaled"
            )

    def _check_one_file_for_both(self) -> None:
        if self.target_scale != 1:
            raise ValueError(
                "layout: side_by_side shows A and B in halves of one size; set side_a.scale and "
                "side_b.scale to 1, or layout: two_folders"
            )
        for key in ("array_key", "axes", "slices"):
            a, b = getattr(self.side_a, key), getattr(self.side_b, key)
            if a != b:
                raise ValueError(
                    f"layout: side_by_side reads A and B from one file, so {key} must be the same "
                    f"for side_a ({a}) and side_b ({b})"
                )

    @property
    def target_scale(self) -> float | None:
        """How many times as high and wide targets are as their sources; None: it varies."""
        return self.target_ratio(self.source_side)

    def target_ratio(self, side: SideConfig) -> float | None:
        """How many times as high and wide targets are as the images of `side`; None: it varies."""
        return _ratio(self.target_side, side)

    def source_ratio(self, side: SideConfig) -> float | None:
        """How many times as high and wide images of `side` are as the sources; None: it varies."""
        return _ratio(side, self.source_side)

    def kernel(self, side: SideConfig) -> AnyKernel:
        """The filter that resizes the images of a side; labels are never mixed."""
        return "nearest" if side.kind == "labels" else self.resize_kernel

    def scale(self, split: str) -> Scale:
        """How the images of a split are resized: those of train are stored larger than the crops.

        With `stretch`, dev and test images are stored at the size of the crops.
        """
        is_whole = self.resize == "stretch" and split != "train"
        return Scale(self.resize, self.image_size if is_whole else self.load_size)

    @property
    def source_side(self) -> SideConfig:
        """The side that is the input of the generator."""
        return self._used_side_a if self.direction == "AtoB" else self.side_b

    @property
    def target_side(self) -> SideConfig:
        """The side that the generator learns to produce."""
        return self.side_b if self.direction == "AtoB" else self._used_side_a

    @property
    def _used_side_a(self) -> SideConfig:
        if self.recipe.kind is None:
            return self.side_a
        return made_side(self.side_b, self.recipe, scale=self.side_a.scale)

    @property
    def roles(self) -> dict[str, SideConfig]:
        """The sides of a pair by the names that messages give them: source, target, then extras.

        The first two are A and B, or B and A.
        """
        names = ("A", "B") if self.direction == "AtoB" else ("B", "A")
        sides = dict(zip(names, (self.source_side, self.target_side), strict=True))
        return sides | {each.name: each.side for each in self.extra_sources}

    @property
    def source_channels(self) -> int:
        """The number of channels that the generator receives of all sources together."""
        sides = (self.source_side, *(each.side for each in self.extra_sources))
        return sum(side.network_channels for side in sides)


def _ratio(side: SideConfig, other: SideConfig) -> float | None:
    return None if side.scale is None or other.scale is None else side.scale / other.scale
