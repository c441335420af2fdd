"""The project as git and DVC know it: revisions, checkouts, stages, data, parameters."""
