"""Where a training is placed on Ray, what keeps it alive there, and how its workers report.

Imports Ray. Start with `placement` (what a training asks for), then `checkpoint_reports`.
"""
