"""Where a training is placed, what keeps it alive there, and how its workers report."""
