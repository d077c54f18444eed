"""Tests on a system that lacks what POSIX has, as Windows does; see ``taken.py``."""
