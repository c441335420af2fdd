"""What the model says of clusters, as markdown; every figure is simulated."""

from dataclasses import replace

from benchmarks import assumptions
from benchmarks.assumptions import BATCHES, EXCHANGES, GOAL, MICROBATCH, SIZES, cluster
from benchmarks.costs import Network, Networks
from benchmarks.markdown import table
from benchmarks.step_time import Cluster, Device, Recipe, buckets, efficiency, step_time

_MANY_GPUS = (8, 16, 64, 256, 1024)
_COMPRESSED_BATCHES = (1, 16, 64)
_MAX_MICROBATCHES = 256
_MAX_COMPRESSION = 4096.0
_UTILISATIONS = (0.2, 0.35, 0.5)


def costs_section(networks: Networks) -> str:
    """What is counted, not assumed: parameters, operations, buckets."""
    rows = [
        (
            name,
            f"{network.parameters:,}",
            f"{network.forward_flops / 1e9:.1f}",
            f"{sum(network.backward_flops) / 1e9:.1f}",
            _sizes_of_buckets(network),
        )
        for name, network in (("G", networks.generator), ("D", networks.discriminator))
    ]
    head = ("", "parameters", "forward, GFLOP", "backward, GFLOP", "buckets in order, MiB")
    total = f"A step: {networks.step_flops / 1e9:.1f} GFLOP per image, and {networks.parameters:,} "
    return f"\n{table(head, rows)}\n{total}gradients.\n\n"


def assumptions_section(utilisation: float) -> str:
    """The numbers behind the simulated tables."""
    peak, memory, link = (
        assumptions.PEAK_FLOPS_PER_S,
        assumptions.MEMORY_BYTES_PER_S,
        assumptions.NVLINK_BYTES_PER_S,
    )
    rows = [
        ("bfloat16 peak without sparsity", f"{peak / 1e12:.0f} TFLOP/s", "vendor, H100 SXM"),
        ("reached of it", f"{utilisation:.0%}", "assumed"),
        ("memory", f"{memory / 1e12:.2f} TB/s", "vendor, H100 SXM"),
        ("NVLink, one direction", f"{link / 1e9:.0f} GB/s per GPU", "vendor, H100 SXM"),
        ("reached of memory, NVLink and network", f"{assumptions.REACHED:.0%}", "assumed"),
        (
            "shortest pass through a layer",
            f"{assumptions.KERNELS_PER_LAYER} kernels of {1e6 * assumptions.LAUNCH_S:.0f} us",
            "assumed",
        ),
        ("GPUs per node, sharing its network", f"{assumptions.GPUS_PER_NODE}", "assumed"),
        ("latency within a node", f"{1e6 * assumptions.NODE_LATENCY_S:.0f} us", "assumed"),
        ("latency between nodes", f"{1e6 * assumptions.NETWORK_LATENCY_S:.0f} us", "assumed"),
    ]
    return f"\n{table(('quantity', 'value', 'source'), rows)}\n"


def efficiency_section(networks: Networks, device: Device) -> str:
    """One GPU's speed, then a table of efficiencies for each network."""
    rows: list[tuple[str, ...]] = []
    for batch in BATCHES:
        alone = step_time(networks, device, cluster(1, 1), Recipe(batch=batch)).total_s
        rows.append((f"{batch}", f"{1e3 * alone:.1f}", f"{batch / alone:,.0f}"))
    parts = ["Simulated, one GPU:\n\n" + table(("batch", "ms per step", "images/s"), rows)]
    head = ["GPUs", *(f"{batch}, {kind}" for batch in BATCHES for kind in EXCHANGES)]
    for gbit_per_s in assumptions.NETWORKS_GBIT_PER_S:
        rows = []
        for size in SIZES:
            place = cluster(size, gbit_per_s)
            values = [
                efficiency(networks, device, place, Recipe(batch=batch, bytes_per_gradient=width))
                for batch in BATCHES
                for width in EXCHANGES.values()
            ]
            rows.append((f"{size}", *(f"{value:.0%}" for value in values)))
        title = f"Simulated efficiency, {gbit_per_s} Gb/s per node, by images per GPU and exchange:"
        parts.append(f"{title}\n\n{table(head, rows)}")
    return "\n" + "\n".join(parts) + "\n"


def goal_section(networks: Networks, device: Device) -> str:
    """What keeps the efficiency at the goal: images between exchanges, or fewer bytes."""
    head = [
        "network, GPUs",
        *(f"images per GPU, {kind}" for kind in EXCHANGES),
        *(f"compression at {batch}" for batch in _COMPRESSED_BATCHES),
    ]
    rows = []
    for gbit_per_s in assumptions.NETWORKS_GBIT_PER_S:
        for size in _MANY_GPUS:
            place = cluster(size, gbit_per_s)
            cells = [
                _shown_images(smallest_recipe(networks, device, place, width))
                for width in EXCHANGES.values()
            ]
            cells += [
                _shown_factor(needed_compression(networks, device, place, batch))
                for batch in _COMPRESSED_BATCHES
            ]
            rows.append((f"{gbit_per_s} Gb/s, {size}", *cells))
    return f"\n{table(head, rows)}\n{_sensitivity(networks)}\n"


def smallest_recipe(
    networks: Networks, device: Device, place: Cluster, bytes_per_gradient: float
) -> Recipe | None:
    """The fewest images per GPU and step that reach the goal; None if none does.

    Up to `MICROBATCH` at once, beyond that in several microbatches of that size.
    """
    at_once = [Recipe(batch=batch) for batch in range(1, MICROBATCH + 1)]
    in_parts = [
        Recipe(batch=parts * MICROBATCH, num_microbatches=parts)
        for parts in range(2, _MAX_MICROBATCHES + 1)
    ]
    for recipe in at_once + in_parts:
        tried = replace(recipe, bytes_per_gradient=bytes_per_gradient)
        if efficiency(networks, device, place, tried) >= GOAL:
            return tried
    return None


def needed_compression(
    networks: Networks, device: Device, place: Cluster, batch: int
) -> float | None:
    """By which factor float32 gradients must shrink to reach the goal; None if none is enough."""

    def reaches(factor: float) -> bool:
        recipe = Recipe(batch=batch, bytes_per_gradient=EXCHANGES["float32"] / factor)
        return efficiency(networks, device, place, recipe) >= GOAL

    low, high = 1.0, _MAX_COMPRESSION
    if reaches(low):
        return low
    if not reaches(high):
        return None
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def _sensitivity(networks: Networks) -> str:
    """The same question to other assumptions of a GPU's speed, on one cluster."""
    place, rows = cluster(64, 100), []
    for utilisation in _UTILISATIONS:
        cells = [
            _shown_images(smallest_recipe(networks, assumptions.gpu(utilisation), place, width))
            for width in EXCHANGES.values()
        ]
        rows.append((f"{utilisation:.0%}", *cells))
    head = ("reached of the peak", *(f"images per GPU, {kind}" for kind in EXCHANGES))
    return f"The same for 64 GPUs at 100 Gb/s and other speeds of a GPU:\n\n{table(head, rows)}"


def _sizes_of_buckets(network: Network) -> str:
    return ", ".join(f"{4 * each.parameters / 2**20:.1f}" for each in buckets(network))


def _shown_images(recipe: Recipe | None) -> str:
    if recipe is None:
        return f"more than {_MAX_MICROBATCHES * MICROBATCH:,}"
    parts = recipe.num_microbatches
    return f"{recipe.batch}" if parts == 1 else f"{recipe.batch} ({parts} x {MICROBATCH})"


def _shown_factor(factor: float | None) -> str:
    if factor is None:
        return "not enough"
    return "none" if factor == 1.0 else f"{factor:.1f}"
