"""One rule of scaling a file. `decide` says in which order they speak."""
