"""How good a generator is: quality of each image, Frechet distances, baselines, intervals.

Receives batches and reads no data. Start with `scoring`, which `pipelines.evaluation.scores` calls.
"""
