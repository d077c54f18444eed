"""Which files: from the products asked for to a link, or another ending, for each of them.

A download is here what the service calls so, an entry that is requested and prepared; the
bytes behind its link are another room's.
"""
