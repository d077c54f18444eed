"""Where files go, what is unpacked of bundles, and whether everything fits on the disk."""
