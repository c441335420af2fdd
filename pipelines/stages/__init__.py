"""One module per DVC stage: a function of its parameters and files, and a thin main."""
