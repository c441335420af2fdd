"""A study: the search for better parameters under Ray Tune, from its plan to its report."""
