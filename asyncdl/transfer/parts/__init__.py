"""The partial file, its note, and the calls that touch the disk."""
