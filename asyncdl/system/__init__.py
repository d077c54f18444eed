"""What operating systems do differently, behind the same functions on all of them.

The only room that may use what only POSIX, Linux, macOS or Windows have. If a system lacks
something, the function's docstring says what is done instead, and what that is worth.
"""
