"""Where files go below the download directory, what comes out of bundles, and whether all fits."""
