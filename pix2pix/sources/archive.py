"""Source `archive`: the pairs that the authors of pix2pix published, downloaded and verified.

Isola et al. 2017, sec. 4: facades, maps, cityscapes, edges2shoes, edges2handbags, night2day.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from pix2pix.atomic import new_directory
from pix2pix.config import ArchiveConfig
from pix2pix.config.validation_text import checked_json
from pix2pix.errors import UserError
from pix2pix.files import sha256_of_file, write_text
from pix2pix.sources.download import download
from pix2pix.sources.unpack import unpack_archive

_RETRY_PAUSES_S = (1.0, 3.0, 10.0, 30.0)
_MAX_BYTES = 1 << 34  # twice the largest published archive, edges2handbags


@dataclass(frozen=True, kw_only=True)
class ArchiveRecord:
    """What a data set's archive is: the ledger's entry."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    url: str
    size_bytes: int
    sha256: str


_LEDGER = TypeAdapter(dict[str, ArchiveRecord])


def fetch_archive(
    config: ArchiveConfig,
    directory: Path,
    *,
    cache_dir: Path,
    ledger: Path,
    timeout_s: float = 60.0,
    retry_pauses_s: Sequence[float] = _RETRY_PAUSES_S,
) -> ArchiveRecord:
    """Put train/, val/ and test/ of a published data set into `directory`, as a whole.

    The archive is kept in `cache_dir` and not downloaded again. The first time its size and
    SHA-256 go into the JSON file `ledger`, by data set; from then on any other file is refused,
    whatever address it comes from. After an exception `directory` is as it was. Raises
    ConnectionError (download); UserError (ledger; content, and then the archive has the suffix
    .refused); StorageError (disk), and then it stays in the cache.
    """
    url = f"{config.base_url.rstrip('/')}/{config.dataset}.tar.gz"
    archive = cache_dir / f"{config.dataset}.tar.gz"
    records = read_ledger(ledger)
    if not archive.is_file():
        known = records.get(config.dataset)
        _download(url, archive, known=known, timeout_s=timeout_s, retry_pauses_s=retry_pauses_s)
    record = _measure(archive, url)
    try:
        if config.dataset in records:
            _verify(record, records[config.dataset], dataset=config.dataset, ledger=ledger)
        with new_directory(directory) as unpacked:
            unpack_archive(archive, unpacked)
            _require_train(unpacked, url)
    except UserError as error:
        raise UserError(
            f"{error}. The file is now named {_put_aside(archive, record)}, and the next run "
            "downloads it afresh"
        ) from error
    if config.dataset not in records:
        write_ledger(ledger, {**records, config.dataset: record})
    return record


def _put_aside(archive: Path, record: ArchiveRecord) -> Path:
    """Rename an archive that was refused: under its name the next run would take it again.

    It may be the only copy that a user has, so it is kept.
    """
    refused = archive.with_name(f"{archive.name}.refused")
    if refused.exists():
        refused = archive.with_name(f"{refused.name}-{record.sha256[:8]}")
    archive.replace(refused)
    return refused


def read_ledger(ledger: Path) -> dict[str, ArchiveRecord]:
    """The recorded archives by data set, none if the file is missing. Raises UserError."""
    if not ledger.is_file():
        return {}
    return checked_json(
        _LEDGER,
        ledger.read_bytes(),
        refusal=f"{ledger} is not a record of archives",
        remedy="restore it with `git checkout`",
    )


def write_ledger(ledger: Path, records: dict[str, ArchiveRecord]) -> None:
    """Write the records sorted and indented: the file belongs under version control."""
    mapping = {dataset: asdict(record) for dataset, record in records.items()}
    write_text(ledger, json.dumps(mapping, indent=2, sort_keys=True) + "\n")


def _download(
    url: str,
    archive: Path,
    *,
    known: ArchiveRecord | None,
    timeout_s: float,
    retry_pauses_s: Sequence[float],
) -> None:
    """Fetch the archive; errors say what else can be done."""
    max_bytes = _MAX_BYTES if known is None else known.size_bytes
    try:
        download(
            url, archive, timeout_s=timeout_s, retry_pauses_s=retry_pauses_s, max_bytes=max_bytes
        )
    except ConnectionError as error:
        raise ConnectionError(
            f"{error}. You can also set data.archive.base_url to a mirror, or put the file at "
            f"{archive} yourself"
        ) from error


def _measure(archive: Path, url: str) -> ArchiveRecord:
    """Size and SHA-256 of a file."""
    size_bytes = archive.stat().st_size
    return ArchiveRecord(url=url, size_bytes=size_bytes, sha256=sha256_of_file(archive))


def _verify(found: ArchiveRecord, expected: ArchiveRecord, *, dataset: str, ledger: Path) -> None:
    """Raise UserError unless size and hash are the recorded ones."""
    if (found.size_bytes, found.sha256) != (expected.size_bytes, expected.sha256):
        raise UserError(
            f"{dataset}.tar.gz from {found.url} is not the file that {ledger} records: expected "
            f"sha256 {expected.sha256} ({expected.size_bytes} bytes, from {expected.url}), found "
            f"{found.sha256} ({found.size_bytes} bytes). If it was replaced on purpose, delete "
            f"the entry {dataset!r} from {ledger}"
        )


def _require_train(directory: Path, url: str) -> None:
    if not (directory / "train").is_dir():
        held = ", ".join(sorted(path.name for path in directory.iterdir())[:5]) or "nothing"
        raise UserError(f"{url} holds no folder train/ of pairs, but {held}")
