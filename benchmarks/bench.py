"""`make bench`: measure the machine and the project on it, in one table.

Each module of `TOPICS` has a function `measured_rows(ceilings)` that returns its rows.
"""
