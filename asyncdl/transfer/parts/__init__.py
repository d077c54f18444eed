"""The ``.part`` file, its state file, and the calls that touch the disk."""
