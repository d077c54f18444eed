"""Verification of finished files: length, digests, structure and archive members."""
