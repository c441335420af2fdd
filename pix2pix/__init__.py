"""pix2pix: paired image-to-image translation with a conditional GAN (Isola et al. 2017).

The library: it knows nothing of Ray, MLflow, Prefect or DVC, which `pipelines` connects it with.
Start with `models`, then `training.step`.
"""
