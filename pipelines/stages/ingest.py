"""DVC stage `ingest`: draw or download the raw pairs, or record the path of the user's folder."""

import dataclasses
import logging
from pathlib import Path
from typing import assert_never

from pipelines.entrypoint import run
from pipelines.json_files import write_json
from pipelines.paths import ARCHIVE_CACHE_DIR, ARCHIVE_LEDGER_PATH, RAW_DIR, SOURCE_PATH
from pipelines.repository.stage_inputs import read_inputs, refuse_changes
from pix2pix.atomic import new_directory
from pix2pix.config import DataConfig, load_params
from pix2pix.errors import UserError
from pix2pix.files import write_text
from pix2pix.images.names import refuse_bad_names
from pix2pix.sources.archive import fetch_archive
from pix2pix.sources.synthetic import write_synthetic
from pix2pix.special_files import refuse_special_files

_NOTHING_HERE = "The pairs are read from the folder data.path of params.yaml; nothing is copied.\n"

logger = logging.getLogger(__name__)


def ingest(config: DataConfig, raw_dir: Path) -> dict[str, object]:
    """Fill `raw_dir` from the configured source; return a record of where the pairs came from.

    Raises UserError if a folder is missing, and as the functions of `pix2pix.sources` do.
    """
    match config.source:
        case "synthetic":
            num_pairs = write_synthetic(raw_dir, config.synthetic)
            record = {"num_pairs": num_pairs, **dataclasses.asdict(config.synthetic)}
        case "archive":
            fetched = fetch_archive(
                config.archive, raw_dir, cache_dir=ARCHIVE_CACHE_DIR, ledger=ARCHIVE_LEDGER_PATH
            )
            record = dataclasses.asdict(fetched)
        case "folder" | "video":
            if not Path(config.path).is_dir():
                raise UserError(f"data.path: {config.path} is not a folder")
            refuse_bad_names(Path(config.path))
            refuse_special_files(Path(config.path))
            # The folder itself is a dependency in dvc.yaml; nothing is copied.
            with new_directory(raw_dir) as folder:
                # DVC warns of empty outputs, which reads as if no pairs were found.
                write_text(folder / "README.txt", _NOTHING_HERE)
            record = {}
        case _:
            assert_never(config.source)
    return {"source": config.source, "path": config.path, **record}


def main() -> None:
    """Read params.yaml, write data/raw."""
    params = load_params()
    inputs = read_inputs("ingest", params)
    record = ingest(params.data, RAW_DIR)
    write_json(SOURCE_PATH, record)
    refuse_changes(inputs)
    logger.info("raw pairs: %s", ", ".join(f"{key} {value}" for key, value in record.items()))


if __name__ == "__main__":
    run(main)
