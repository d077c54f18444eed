"""HTTP/1.1 as the engine needs it: GET, into reused buffers, over kept connections.

Why there is such a thing beside aiohttp: docs/decisions/001-receive-path.md.
"""
