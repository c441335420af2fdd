"""A training on Ray: its resources, its reactions to signals and failures, its reports.

Imports Ray. Start with `placement` (what a training asks for), then `checkpoint_reports`.
"""
