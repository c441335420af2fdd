"""Check a data set, then write the prepared data, completely or not at all."""

import errno
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pix2pix.atomic import new_directory
from pix2pix.config import DataConfig
from pix2pix.data.arrays import ArrayFiles, EarlyFlushes, Files, create_arrays
from pix2pix.data.manifest import MANIFEST_NAME, Manifest
from pix2pix.data.prepared import layouts, shapes_file
from pix2pix.data.reference import reference_file, reference_positions
from pix2pix.data.splits import Split
from pix2pix.errors import StorageError, UserError
from pix2pix.files import NO_ROOM, flush_all
from pix2pix.memory import bytes_text, no_traceback_of_memory
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.new_manifest import make_manifest, write_manifest
from pix2pix.preparation.offences import BadPair
from pix2pix.preparation.pair_files import have_volumes
from pix2pix.preparation.parallel import map_in_order
from pix2pix.preparation.report import BadPairsError, CheckedPair, CheckReport
from pix2pix.preparation.resized_pairs import as_test_target, resized_pair


class Prepared(NamedTuple):
    """The manifest of the written data, and the report of the checks before."""

    manifest: Manifest
    report: CheckReport


def prepare_pairs(
    root: Path, prepared_dir: Path, config: DataConfig, *, num_workers: int | None = None
) -> Prepared:
    """Check all pairs under `root` and, if they are sound, write them to `prepared_dir`.

    `num_workers` None means one thread or process per core, see `parallel.map_in_order`: a script
    that prepares thousands of pairs needs `if __name__ == "__main__":`.

    Raises BadPairsError, a UserError with the report, if there are offences and `on_bad_pair` is
    fail, or if leaving out pairs does not correct them; `prepared_dir` is then unchanged. Raises
    StorageError if the disk is too small.
    """
    report = check_pairs(root, config, num_workers=num_workers)
    if report.offences and (config.on_bad_pair == "fail" or report.is_beyond_excluding):
        raise BadPairsError(report)
    manifest = write_prepared(prepared_dir, report, config, num_workers=num_workers)
    return Prepared(manifest, report)


def write_prepared(
    prepared_dir: Path, report: CheckReport, config: DataConfig, *, num_workers: int | None
) -> Manifest:
    """Write the pairs of `report`, resized, and replace an earlier `prepared_dir`.

    Raises UserError if `prepared_dir` holds other files, StorageError if the disk has no room;
    `prepared_dir` is then unchanged.
    """
    if not _may_be_replaced(prepared_dir):
        raise UserError(f"{prepared_dir} holds something else than prepared data; move it away")
    manifest = make_manifest(report, config)
    parent = prepared_dir.resolve().parent  # a link may lead to another disk
    parent.mkdir(parents=True, exist_ok=True)
    needed, free = _needed_bytes(report, manifest), shutil.disk_usage(parent).free
    if needed > free:
        raise _disk_full(prepared_dir, needed, free)
    with new_directory(prepared_dir) as directory:
        try:
            _write_arrays(directory, report, manifest, config=config, num_workers=num_workers)
            write_manifest(directory, manifest)
            flush_all(directory)  # no later step would notice files that a power cut has damaged
        except OSError as error:
            if error.errno in NO_ROOM:
                raise _disk_full(prepared_dir, needed, free) from error
            raise
    return manifest


def _write_arrays(
    directory: Path,
    report: CheckReport,
    manifest: Manifest,
    *,
    config: DataConfig,
    num_workers: int | None,
) -> None:
    """Write the arrays of all splits, and the file of `data.reference` if there is one."""
    settings = _without_pairs(manifest)
    for split in manifest.splits:
        files, pairs = _files(directory, split, report, manifest), report.of_split(split)
        resized = partial(resized_pair, manifest=settings, split=split, config=config)
        _write_rows(files, pairs, resized, label=f"prepare {split}", num_workers=num_workers)
    file = reference_file(directory, manifest)
    if file is not None:
        train = report.of_split("train")
        pairs = [train[position] for position in reference_positions(manifest)]
        resized = partial(as_test_target, manifest=settings, config=config)
        _write_rows([file], pairs, resized, label="prepare reference", num_workers=num_workers)


def _write_rows(
    files: Files,
    pairs: Sequence[CheckedPair],
    resized: Callable[[CheckedPair], tuple[np.ndarray, ...]],
    *,
    label: str,
    num_workers: int | None,
) -> None:
    """Create the files, in a new folder, and write what `resized` makes of each pair."""
    files[0][0].parent.mkdir()
    create_arrays(files)
    with ArrayFiles(files) as arrays, EarlyFlushes(path for path, _ in files) as flushes:
        written = map_in_order(
            partial(_write, arrays=arrays, resized=resized),
            list(enumerate(pairs)),
            label=label,
            num_workers=num_workers,
            in_threads=have_volumes(pair.files for pair in pairs),
        )
        with closing(written):
            for num_bytes in written:
                flushes.count(num_bytes)


def _without_pairs(manifest: Manifest) -> Manifest:
    """The manifest without ids and hashes of pairs, which each process would receive."""
    splits = {
        split: replace(record, pair_ids=(), content_hashes=())
        for split, record in manifest.splits.items()
    }
    return replace(manifest, splits=splits)


def _write(
    item: tuple[int, CheckedPair],
    *,
    arrays: ArrayFiles,
    resized: Callable[[CheckedPair], tuple[np.ndarray, ...]],
) -> int:
    """Write the row of a pair and return the number of its bytes."""
    row, pair = item
    name = f"pair {pair.files.pair_id!r}"
    with no_traceback_of_memory(name):
        try:
            return arrays.write_row(row, resized(pair))
        except BadPair as error:
            raise UserError(
                f"{name}: {error}; its files changed during the run; run again"
            ) from None


def _files(directory: Path, split: Split, report: CheckReport, manifest: Manifest) -> Files:
    """The files of a split: its arrays, and before them the shapes if they are unlike."""
    if manifest.resize == "stretch":
        return layouts(directory, split, manifest, None)
    scale = manifest.scale(split)
    sizes = [scale.size_of(*pair.size) for pair in report.of_split(split)]
    shapes = np.array(sizes, np.int64)
    return [
        shapes_file(directory, split, len(sizes)),
        *layouts(directory, split, manifest, shapes),
    ]


def _may_be_replaced(directory: Path) -> bool:
    if not directory.exists():
        return True
    return directory.is_dir() and (
        (directory / MANIFEST_NAME).is_file() or not any(directory.iterdir())
    )


def _needed_bytes(report: CheckReport, manifest: Manifest) -> int:
    files = [file for split in manifest.splits for file in _files(Path(), split, report, manifest)]
    reference = reference_file(Path(), manifest)
    return sum(layout.num_bytes for _, layout in [*files, *([reference] if reference else [])])


def _disk_full(prepared_dir: Path, needed: int, free: int) -> StorageError:
    return StorageError(
        errno.ENOSPC,
        f"the disk is too small for the prepared data: {bytes_text(needed)} needed, "
        f"{bytes_text(free)} free; make room or lower data.load_size, and run again",
        str(prepared_dir),
    )
