"""Apply a function to many items on a Ray cluster; the results come in the order of the items.

Ray Data runs it in a pool of processes. What a lost node was working on is done again elsewhere, so
the function may be called twice for an item.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pipelines.cluster.placement import connect
from pix2pix.plural import counted

_ITEMS_PER_TASK = 16  # so many are done again at most when a process is lost

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def map_in_order(
    make: Callable[..., Callable[[Item], Result]],
    items: Sequence[Item],
    *,
    options: Mapping[str, Any],
) -> Iterator[Result]:
    """Yield `make(**options)(item)` for each item, in order; `make` is called once in each process.

    There is a process for each GPU of the cluster, or for each CPU where there is no GPU. What the
    function logs as a warning or an error is logged here, before its result is yielded. Joins the
    cluster of RAY_ADDRESS, or starts Ray here. Raises ConnectionError, and what `make` or its
    function raises.
    """
    import ray.data

    connect(None)
    resources = ray.cluster_resources()
    num_gpus = int(resources.get("GPU", 0))
    num_tasks = -(-len(items) // _ITEMS_PER_TASK)
    num_processes = min(num_gpus or int(resources.get("CPU", 1)), num_tasks)
    logger.info("translating with %s of the cluster", counted(num_processes, "worker"))
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    mapped = ray.data.range(len(items), override_num_blocks=num_tasks).map(
        cast("Callable[[dict[str, Any]], dict[str, Any]]", _Mapper),  # Ray Data makes instances
        fn_constructor_args=(make, dict(options), list(items)),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=num_processes),
        num_cpus=1,
        num_gpus=1 if num_gpus else None,
    )
    for row in mapped.iter_rows():
        answer: _Answer = row["answer"]
        for level, text in answer.warnings:
            logger.log(level, "%s", text)
        yield answer.result


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call of the function has returned and logged. Ray Data keeps it as it is, pickled."""

    result: Any
    warnings: list[tuple[int, str]]  # logging level and text


class _Mapper:
    """The function in a process of the cluster, for rows of Ray Data."""

    def __init__(
        self,
        make: Callable[..., Callable[[Any], Any]],
        options: Mapping[str, Any],
        items: Sequence[Any],
    ) -> None:
        self._function = make(**options)
        self._items = items

    def __call__(self, row: dict[str, Any]) -> dict[str, _Answer]:
        warnings = _Warnings()
        logging.getLogger().addHandler(warnings)
        try:
            result = self._function(self._items[row["id"]])
        finally:
            logging.getLogger().removeHandler(warnings)
        return {"answer": _Answer(result, warnings.texts)}


class _Warnings(logging.Handler):
    """Keeps warnings and errors, because the output of a process of the cluster is not shown."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[tuple[int, str]] = []  # logging level and text

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append((record.levelno, self.format(record)))
