"""What a training under Ray Train computes: its driver, workers, batches and pictures.

Imports Ray. Start with `driver.train`, then `worker.train_worker`; the numbers are pix2pix's.
"""
