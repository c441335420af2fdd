"""Raw pairs that are no folder of images: drawn by this project, downloaded, or frames of films.

Start with `synthetic` (drawn), `archive` (downloaded) or `films`. With `download`, `evaluation`
fetches weights, too.
"""
