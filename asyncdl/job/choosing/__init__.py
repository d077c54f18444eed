"""From the config to the scenes of a run and the files that are wanted of them."""
