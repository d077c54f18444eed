"""From the wanted products to a link, or another outcome, for each of their files.

A download here is what the service calls a download: an entry in its queue, which is requested
and prepared. The bytes behind its link are fetched by ``transfer/``.
"""
