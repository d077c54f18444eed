"""Landsat from the USGS M2M API to verified files."""

__version__ = "0.1.0"
