"""The project as git and DVC know it: revisions, checkouts, stages, data, parameters.

Imports DVC. Start with `workspace`, the checkout in which a flow run works.
"""
