"""The values of ServeOptions where nothing else is chosen.

They are apart from it, because the help of `pix2pix serve` shows them without importing pydantic.
"""

MIN_REPLICAS = MAX_REPLICAS = 1
CPUS_PER_REPLICA = 1.0
GPUS_PER_REPLICA = 0.0
MAX_BATCH_SIZE = 8
BATCH_WAIT_MS = 2.0
MAX_QUEUED = 64
MAX_BODY_MIB = 64.0
MAX_MEGAPIXELS = 50.0
LOOK_S = 10.0
