"""The project's file names, relative to the folder that holds dvc.yaml."""

from pathlib import Path

RAW_DIR = Path("data/raw")
SOURCE_PATH = Path("reports/source.json")  # where the pairs came from
ARCHIVE_LEDGER_PATH = Path("data/archives.json")  # size and SHA-256 of each archive, in git
ARCHIVE_CACHE_DIR = Path("data/cache")

PREPARED_DIR = Path("data/prepared")
FEATURES_DIR = Path("data/cache/features")  # of images, kept by their content; may be removed
CHECKS_PATH = Path("reports/checks.json")

PARENT_PATH = Path("data/parent.safetensors")  # the networks that a training starts from

RUNS_DIR = Path(".runs")  # running trainings: outside DVC's outputs, so that they can be resumed
MODEL_DIR = Path("models")
KEPT_EPOCHS_DIR = MODEL_DIR / "kept"  # other good epochs: train.keep_best_checkpoints above 1
TRAIN_PATH = Path("reports/train.json")
HISTORY_PATH = Path("reports/history.jsonl")
CURVES_PATH = Path("reports/curves.csv")  # the history as `dvc plots` reads it
SAMPLES_DIR = Path("reports/samples")
PROFILE_DIR = Path("reports/profile")  # with train.profile; no output of DVC's
AUGMENTATION_PATH = Path("reports/augmentation.png")

TUNE_DIR = Path("reports/tune")
BEST_PARAMS_PATH = TUNE_DIR / "best_params.yaml"

METRICS_PATH = Path("reports/metrics.json")
METRICS_TABLE_PATH = Path("reports/metrics.txt")
PER_IMAGE_PATH = Path("reports/per_image.csv")
PANELS_DIR = Path("reports/panels")

REGISTER_PATH = Path("reports/register.json")
REGISTER_REPORT_PATH = Path("reports/register.md")
RECEIPT_PATH = Path("reports/.registered.json")  # of `register` for the next one; see receipt.py

# Written by pipelines/registry, after the pipeline: of no run and no output of DVC's.
NEW_DATA_PATH = Path("reports/new_data.json")
EVALUATION_DIR = Path("reports/evaluation")  # of a version that somebody names
REPRODUCTIONS_DIR = Path("reports/reproductions")  # certificates of `pix2pix reproduce`
