"""One run of a config, from the search to the verified files."""
