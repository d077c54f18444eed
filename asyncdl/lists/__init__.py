"""Lists of files that users write: URLs with options, and checksum tables. Pure."""
