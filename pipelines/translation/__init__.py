"""Files that a registered model translates: an image, a folder, a film.

Imports MLflow. Start with `translate_image`, `translate_folder` and `translate_film`, which
`pix2pix translate` calls; `translation_plan` says which file becomes which, and
`cluster_translation` shares the work of a folder among the nodes of a Ray cluster.
"""
