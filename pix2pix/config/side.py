"""Parameters of one side of the pairs: what its files hold and how they are read."""

from dataclasses import dataclass
from math import isnan
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, Field

from pix2pix.config.patterns import SLICES
from pix2pix.config.strict import STRICT, one_reason

Kind = Literal["image", "labels"]
Kernel = Literal["area", "bilinear", "bicubic"]
AnyKernel = Kernel | Literal["nearest"]  # nearest is for labels, which are never mixed

# The stored value of pixels where nothing was measured. NaN is a word, as JSON has no such number;
# "file" is the value that each GeoTIFF file states. YAML's .nan is accepted, too.
Nodata = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | Literal["nan", "file"],
    one_reason("must be a finite number, nan or file"),
    BeforeValidator(lambda value: "nan" if isinstance(value, float) and isnan(value) else value),
]
Axes = Literal["HWC", "CHW"]
Encoding = Literal["scaled", "one_hot"]
VolumeAxis = Literal["x", "y", "z"]
ImageDtype = Literal["uint8", "uint16", "float32"]  # of images here, whatever their files hold
# Integers that images hold as float32, and that translated files hold again: `images.stored`.
WrittenDtype = Literal["int8", "int16", "int32", "uint32"]
SlicesRule = Annotated[str, Field(pattern=SLICES)]


class SideFacts:
    """What follows from the settings of a side, in params.yaml as in the manifest."""

    __slots__ = ()

    @property
    def is_masked(self: "Side") -> bool:
        """Whether some pixels of this side may be left out of losses and scores."""
        return self.nodata is not None or self.ignore_label is not None

    @property
    def network_channels(self: "Side") -> int:
        """The number of channels that the networks receive: those of images, or one per class."""
        if self.encoding == "scaled":
            return self.channels
        assert self.num_labels is not None
        return self.num_labels + (self.void_label is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class SideConfig(SideFacts):
    """The images of one side (A or B) of the pairs."""

    __pydantic_config__ = STRICT

    kind: Kind
    """What the pixels are: image (colours or measured values, resized with data.resize_kernel) or
    labels (class ids or class colours, never mixed with their neighbours). Choose labels for
    segmentation maps."""

    channels: Annotated[int, Field(ge=1, le=64)]
    """Number of channels of each image after it has been read, from 1 to 64: 3 for colour, 1 for
    grey or class ids, 4 with opacity. A file with another number is reported as a bad pair."""

    grayscale: bool
    """Whether colour files are converted to one grey channel (Rec. 601 luma). Needs channels: 1.
    Set it to true for a source that the model shall see in grey although its files are in colour.
    Where there are colour photographs alone, recipe.kind: grayscale makes the grey ones."""

    num_labels: Annotated[int | None, Field(ge=2, le=65536)]
    """Number of classes, from 2 to 65536, where the pixels are class ids from 0 to num_labels - 1.
    Null: the labels are colours, or the side holds images."""

    void_label: Annotated[int | None, Field(ge=1, le=65535)]
    """Class id of pixels that belong to no class, often 255 (at most 65535). The networks see it as
    one more class after the last one. Null: every pixel belongs to a class."""

    ignore_label: Annotated[int | None, Field(ge=0, le=65535)]
    """Class id of pixels that losses and scores leave out, often 255. Where labels are colours,
    pixels whose channels all have this value, such as 0 for black. The networks see them as class
    0, or black. Null: every pixel counts."""

    nodata: Nodata | None
    """Stored value of pixels where nothing was measured: a number such as -9999, nan, or file (the
    value that each GeoTIFF states). They and all NaN are left out of losses and scores; the
    networks see the low end of value_range there. Null: every pixel counts, and NaN is an error."""
    encoding: Encoding
    """How the networks see class ids: scaled (one channel, the ids spread over [-1, 1]) or one_hot
    (one channel per class, 1 where the pixel has the class and 0 elsewhere; void is one more
    class). Use one_hot where neighbouring ids are not alike. It needs num_labels, and is for
    sources only."""

    value_range: tuple[float, float] | None
    """Stored values [low, high] that the networks see as -1 and 1. Null: the whole range of the
    file's integers, such as [0, 255]. Files of other numbers than uint8 and uint16 need it, such as
    int16 or float32, and so do sensors that use only a part of 16 bits."""

    array_key: Annotated[str | None, Field(min_length=1)]
    """Which array is read from files that hold several: the name of an array of an NPZ file, or a
    layer or channel of an OpenEXR file. Null: the only array, or the colours."""

    axes: Axes
    """Order of the axes of the arrays in NPY and NPZ files: HWC (height, width, channels) or CHW
    (channels, height, width). Other formats state the order themselves."""

    slices: SlicesRule | None
    """Which slices of a volume (NIfTI, multi-page TIFF, multi-frame DICOM, a stack in NPY or NPZ)
    are images, each with a pair id such as patient3#z012: z (all), or z[10:-10:2] with first, last
    and step as Python counts. In NIfTI files, x and y are possible too. Null: each file is one
    image, and pages of a TIFF are its channels."""

    scale: Annotated[float | None, Field(gt=0, le=64)]
    """Relative height and width of the images of this side. With 1 for side_a and 2 for side_b, the
    images of B are twice as high and wide as those of A (super-resolution from A to B). The source
    is resized to the size of its target. Null: the sizes of each pair may differ in any way."""

    def __post_init__(self) -> None:
        if self.grayscale and self.channels != 1:
            raise ValueError(f"grayscale: true needs channels: 1, got {self.channels}")
        if self.num_labels is not None and (self.kind != "labels" or self.channels != 1):
            raise ValueError("num_labels needs kind: labels and channels: 1")
        if self.void_label is not None and self.num_labels is None:
            raise ValueError("void_label needs num_labels: the number of classes, void not counted")
        if self.void_label is not None and self.void_label < (self.num_labels or 0):
            raise ValueError(
                f"void_label ({self.void_label}) is one of the class ids 0..num_labels-1; "
                f"num_labels is {self.num_labels}, void not counted"
            )
        if self.encoding == "one_hot" and self.num_labels is None:
            raise ValueError("encoding: one_hot needs num_labels, the number of classes")
        self._check_masks()
        if self.num_labels is not None and self.value_range is not None:
            raise ValueError("num_labels fixes the range; set value_range: null")
        if self.value_range is not None and self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"value_range must be [low, high] with low < high: {self.value_range}")

    def _check_masks(self) -> None:
        if self.nodata is not None and self.kind != "image":
            raise ValueError("nodata needs kind: image; set ignore_label for labels")
        if self.ignore_label is None:
            return
        if self.kind != "labels":
            raise ValueError("ignore_label needs kind: labels; set nodata for images")
        if self.ignore_label == self.void_label:
            raise ValueError(
                f"ignore_label and void_label are both {self.void_label}: void_label makes one "
                "more class of these pixels, ignore_label leaves them out; set one to null"
            )


class Side(Protocol):
    """The settings that `SideConfig` (params.yaml) and `SideRecord` (the manifest) both have."""

    @property
    def kind(self) -> Kind:
        """Whether the values are measured or are labels."""

    @property
    def channels(self) -> int:
        """The number of channels of the images."""

    @property
    def grayscale(self) -> bool:
        """Whether files with three channels are converted to one channel."""

    @property
    def num_labels(self) -> int | None:
        """The number of classes, void not counted; None if the values are no class ids."""

    @property
    def void_label(self) -> int | None:
        """The id of pixels without a class in files; None if there is no such id."""

    @property
    def ignore_label(self) -> int | None:
        """The class id that losses and scores leave out."""

    @property
    def nodata(self) -> Nodata | None:
        """The stored value of pixels where nothing was measured."""

    @property
    def encoding(self) -> Encoding:
        """How the networks see the class ids."""

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The stored values that the networks see as -1 and 1; None: those of the integers."""

    @property
    def array_key(self) -> str | None:
        """The name of the array to read from files with several arrays."""

    @property
    def axes(self) -> Axes:
        """The order of the axes in NPY and NPZ files."""

    @property
    def slices(self) -> str | None:
        """The slices of a volume that are images of their own; None: files hold one image."""
