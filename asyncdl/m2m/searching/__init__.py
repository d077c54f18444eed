"""Searches for scenes: areas and conditions as filters, pages of results, footprints."""
