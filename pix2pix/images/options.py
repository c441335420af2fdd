"""How the pixels of a file are to be read: what the settings of a side say, and which slice."""

from dataclasses import dataclass

from pix2pix.config import Axes, Nodata, Side, VolumeAxis


@dataclass(frozen=True, slots=True)
class VolumeSlice:
    """One slice of a volume, counted from 0 along an axis; `count` is the number of all slices."""

    axis: VolumeAxis
    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.axis}{self.index:03d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read a file; files that an option does not concern are read without it.

    With `label_ids`, the pixels are class ids: palette indices keep their stored values, and pixels
    of one bit are 0 (black) and 1. `array_key` and `axes` are those of `SideConfig`. `volume_slice`
    is the slice to read; None for files that hold a single image. Pixels with the value `nodata`,
    see `nodata.measured`, are marked as such, and NaN with them; `value_range` is where values lie.
    """

    label_ids: bool = False
    array_key: str | None = None
    axes: Axes = "HWC"
    volume_slice: VolumeSlice | None = None
    nodata: Nodata | None = None
    value_range: tuple[float, float] | None = None


AS_STORED = ReadOptions()


def side_options(
    side: Side, volume_slice: VolumeSlice | None = None, *, label_ids: bool | None = None
) -> ReadOptions:
    """The options for files of a side; `label_ids` None: its pixels are ids if it has labels."""
    return ReadOptions(
        label_ids=side.num_labels is not None if label_ids is None else label_ids,
        array_key=side.array_key,
        axes=side.axes,
        volume_slice=volume_slice,
        nodata=side.nodata,
        value_range=side.value_range,
    )
