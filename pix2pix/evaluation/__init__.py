"""How good a generator is: per-image quality, Frechet distances, baselines, intervals."""
