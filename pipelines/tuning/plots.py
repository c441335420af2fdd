"""Pictures of a study: how trials went, what each parameter goes with, how much that says."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pix2pix.config import LogUniform, TuneConfig, Value
from pix2pix.tuning.trials import Trial, best_l1

_PANEL_INCHES = 3.6
_COLOURS = {"finished": "tab:blue", "stopped": "tab:gray", "failed": "tab:red"}


def curves_png(trials: Sequence[Trial]) -> bytes:
    """Dev L1 by epoch, one line per trial; grey where it was stopped."""
    figure, (axes,) = _panels(1)
    for trial in trials:
        records = [record for record in trial.history if record["epoch"] > 0]
        epochs = [record["epoch"] for record in records]
        l1 = [record["dev/l1"] for record in records]
        axes.plot(epochs, l1, marker="o", color=_COLOURS.get(trial.status, "black"), alpha=0.7)
    axes.set(xlabel="epoch", ylabel="dev L1", title="trials (grey: stopped early)")
    return _png(figure)


def slices_png(trials: Sequence[Trial], config: TuneConfig, *, first_epoch: int) -> bytes:
    """Dev L1 against each parameter, one panel per key and one point per trial."""
    figure, panels = _panels(len(config.space))
    for axes, dimension in zip(panels, config.space, strict=True):
        for trial in trials:
            l1 = best_l1(trial, first_epoch=first_epoch)
            if l1 is not None:
                place = _place(trial.values[dimension.key])
                axes.plot([place], [l1], "o", color=_COLOURS.get(trial.status, "black"), alpha=0.7)
        if isinstance(dimension, LogUniform):
            axes.set_xscale("log")
        axes.set(xlabel=dimension.key, ylabel="dev L1")
    return _png(figure)


def importance_png(importance: Mapping[str, float], measure: str) -> bytes:
    """One bar per key."""
    figure, (axes,) = _panels(1)
    axes.barh([*importance], [*importance.values()])
    axes.set(xlim=(0, 1), xlabel="share", title=f"importance: {measure}")
    return _png(figure)


def _place(value: Value) -> float | str:
    """Numbers on an axis of numbers, the rest as words."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else str(value)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(max(_PANEL_INCHES * count, 6.0), _PANEL_INCHES), layout="constrained")
    return figure, [figure.add_subplot(1, count, place + 1) for place in range(count)]


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100, metadata={"Software": None})
    return data.getvalue()
