"""What the sizes of the images mean for training: which are squeezed, and which padded."""

from collections.abc import Iterator, Mapping, Sequence

from pix2pix.config import DataConfig, height_width, size_text
from pix2pix.data.splits import Split
from pix2pix.images.names import first_names
from pix2pix.plural import counted
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.offences import Offence


def crop_beyond_all(pairs: Sequence[Inspected], config: DataConfig) -> list[Offence]:
    """An offence of the whole set if every image is smaller than the crops of the training."""
    if not pairs or len(_padded(pairs, config)) < len(pairs):
        return []
    needed = height_width(config.image_size)
    sizes = [config.scale("train").size_of(*pair.size) for pair in pairs]
    height, width = max(sizes, key=lambda size: min(size[0] / needed[0], size[1] / needed[1]))
    message = (
        f"no image has room for crops of data.image_size ({size_text(config.image_size)}): the "
        f"nearest has {width}x{height} px"
        + (f" at data.load_size {config.load_size}" if config.resize == "fit" else "")
    )
    return [Offence("crop_too_large", (), (), message)]


def size_notes(
    pairs: Sequence[Inspected], splits: Mapping[str, Split], config: DataConfig
) -> Iterator[str]:
    """Notes on images that are cut, brought to the size of others, squeezed or padded."""
    cut = [pair.files.pair_id for pair in pairs if pair.is_cut]
    if cut:
        yield (
            f"A and B differ by one pixel in {counted(len(cut), 'pair')}, which is cut off from "
            f"the larger one: {first_names(cut)}"
        )
    if config.target_scale not in (None, 1):
        uneven = [pair.files.pair_id for pair in pairs if _is_uneven(pair, config.target_scale)]
        if uneven:
            yield (
                f"the sizes of {counted(len(uneven), 'pair')} differ by about a pixel from what "
                "scale declares, so that resizing the source to the size of the target shifts it "
                f"by less than a pixel: {first_names(uneven)}"
            )
    brought = [pair.files.pair_id for pair in pairs if pair.source_size != pair.size]
    if brought:
        yield (
            f"{counted(len(brought), 'source', verb='are')} resized to the size of the target: "
            f"{first_names(brought)}"
        )
    if config.resize == "stretch":
        yield from _squeezed_notes(pairs, config)
        return
    padded = _padded([pair for pair in pairs if splits[pair.files.pair_id] == "train"], config)
    if padded:
        yield (
            f"{counted(len(padded), 'training pair', verb='are')} smaller than "
            f"data.image_size ({size_text(config.image_size)}) and will be padded by reflection: "
            f"{first_names(padded)}"
        )


def _is_uneven(pair: Inspected, target_scale: float) -> bool:
    """Whether a side has some pixel more or less than the scale of the other one would give."""
    return any(
        length != round(source_length * target_scale)
        for length, source_length in zip(pair.size, pair.source_size, strict=True)
    )


def _padded(pairs: Sequence[Inspected], config: DataConfig) -> list[str]:
    """The pairs of which a crop does not fit into the stored images."""
    if config.resize == "stretch":
        return []
    scale, needed = config.scale("train"), height_width(config.image_size)
    sizes = {pair.files.pair_id: scale.size_of(*pair.size) for pair in pairs}
    return [
        pair_id
        for pair_id, (height, width) in sizes.items()
        if height < needed[0] or width < needed[1]
    ]


def _squeezed_notes(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    height, width = height_width(config.image_size)
    squeezed = [
        pair.files.pair_id for pair in pairs if pair.size[0] * width != pair.size[1] * height
    ]
    if squeezed:
        shape = "square" if height == width else f"of the shape {width}x{height}"
        yield (
            f"{counted(len(squeezed), 'pair', verb='are')} not {shape} and will be squeezed: "
            f"{first_names(squeezed)}"
        )
