"""What a file has to show before it counts: lengths, digests, the form of TIFF and tar."""
