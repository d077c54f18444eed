"""The commands as calls: search, plan, download, status, verify, map.

They take the config's own words as arguments, or a whole config, and return what the commands
print. ``asyncdl.sync`` has the same calls without ``await``.
"""
