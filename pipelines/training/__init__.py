"""A training under Ray Train: its driver, its workers, their batches and sample grids.

Imports Ray. Start with `driver.train`, then `worker.train_worker`. The algorithm is in pix2pix.
"""
