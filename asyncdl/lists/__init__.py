"""Lists of files that people have: URLs with options, and tables of checksums. Pure."""
