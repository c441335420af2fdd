"""The GPUs and networks of the simulated tables. None of it was measured by this project.

Vendor's figures: NVIDIA H100 SXM data sheet (bfloat16 without sparsity, HBM3, NVLink 4 in one
direction). The rest is assumed, and each of these is an argument here or of the model.
"""

from benchmarks.step_time import Cluster, Device

PEAK_FLOPS_PER_S = 989e12
MEMORY_BYTES_PER_S = 3.35e12
NVLINK_BYTES_PER_S = 450e9

UTILISATION = 0.35  # of the peak, in convolutions
REACHED = 0.8  # of a memory's or link's nominal bandwidth
LAUNCH_S = 5e-6  # to start a kernel from Python
KERNELS_PER_LAYER = 5  # of one pass: convolution, norm, activation, joining, bookkeeping
GPUS_PER_NODE = 8
NODE_LATENCY_S = 5e-6
NETWORK_LATENCY_S = 1e-5

NETWORKS_GBIT_PER_S = (25, 100, 400, 3200)  # of a node; the last: 400 for each of its GPUs
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 4, 16, 64)  # per GPU
EXCHANGES = {"float32": 4.0, "bfloat16": 2.0}  # bytes per gradient
GOAL = 0.8
MICROBATCH = 64  # images that a GPU works on at once, at most


def gpu(utilisation: float) -> Device:
    """An H100 that reaches `utilisation` of its bfloat16 peak."""
    return Device(
        flops_per_s=utilisation * PEAK_FLOPS_PER_S,
        layer_s=KERNELS_PER_LAYER * LAUNCH_S,
        optimizer_bytes_per_s=REACHED * MEMORY_BYTES_PER_S,
    )


def cluster(num_gpus: int, gbit_per_s: float) -> Cluster:
    """Nodes of eight GPUs, connected by `gbit_per_s` each."""
    return Cluster(
        num_gpus=num_gpus,
        gpus_per_node=GPUS_PER_NODE,
        node_bytes_per_s=REACHED * NVLINK_BYTES_PER_S,
        network_bytes_per_s=REACHED * gbit_per_s * 1e9 / 8,
        node_latency_s=NODE_LATENCY_S,
        network_latency_s=NETWORK_LATENCY_S,
    )
