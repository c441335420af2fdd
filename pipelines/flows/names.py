"""What flows and `make up` call things on the Prefect server; prefect.yaml says the same."""

POOL = "pix2pix"  # the work pool
TRAINING_SLOTS = "pix2pix-training"  # a global concurrency limit, with one slot per GPU
