"""The project in git and DVC: its revisions, checkouts, stages, data and parameters.

Imports DVC. Start with `workspace`, the checkout in which a flow run works.
"""
