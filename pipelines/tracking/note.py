"""The description of a training's run: what its page in MLflow shows first, as Markdown."""

import math
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from pipelines.runs.history import Record
from pipelines.tracking.description import RunDescription
from pipelines.tracking.score_table import score_table

_COMMIT_CHARACTERS, _HASH_CHARACTERS = 7, 12


def run_note(
    description: RunDescription,
    history: Sequence[Record],
    scores: Mapping[str, float],
    *,
    run_id: str,
    grid_path: str | None,
) -> str:
    """Return the description of a run.

    `scores` are its test metrics, empty before the evaluation. `grid_path` is the artifact of its
    newest sample grid; None if it has none.
    """
    parts = [
        _progress(description, history),
        score_table(scores),
        "" if grid_path is None else f"![source, generated, target]({_url(run_id, grid_path)})",
        _origin(description),
    ]
    return "\n\n".join(part for part in parts if part)


def _progress(description: RunDescription, history: Sequence[Record]) -> str:
    """Return which epoch is kept, of how many."""
    train = description.params["train"]  # not parsed: it may be of an earlier version
    planned = train["num_epochs"] + train["num_decay_epochs"]
    done = int(history[-1]["epoch"]) if history else 0
    eligible = [
        record
        for record in history
        if record["epoch"] >= train["best_from_epoch"] and math.isfinite(record["dev/l1"])
    ]
    if not eligible:
        return f"Epoch {done} of {planned}; none may be kept yet."
    best = min(eligible, key=lambda record: record["dev/l1"])
    return (
        f"**dev L1 {best['dev/l1']:.4g}** after epoch {best['epoch']:.0f}, the best of {done} "
        f"(planned: {planned})."
    )


def _url(run_id: str, path: str) -> str:
    """Return the address of an artifact, relative to that of MLflow's pages."""
    return f"get-artifact?{urlencode({'path': path, 'run_uuid': run_id})}"


def _origin(description: RunDescription) -> str:
    """Return the data and the code of the training."""
    data, origin = description.data, description.origin
    sizes = ", ".join(f"{number} {split}" for split, number in data.num_pairs.items())
    lines = [f"Data: **{data.name}** `{data.data_hash[:_HASH_CHARACTERS]}`, pairs: {sizes}."]
    if origin.commit is not None:
        short = f"`{origin.commit[:_COMMIT_CHARACTERS]}`"
        commit = short if origin.web is None else f"[{short}]({origin.web}/commit/{origin.commit})"
        lines.append(f"Code: {commit}{', with local changes' if origin.is_dirty else ''}.")
    return "\n\n".join(lines)
