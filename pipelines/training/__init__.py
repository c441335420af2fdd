"""What a training computes under Ray Train: the driver, its workers, their batches and pictures."""
