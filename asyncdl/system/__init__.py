"""What operating systems do differently, behind calls that are the same on all of them.

The only room that may use what POSIX, Linux, macOS or Windows alone have. Where a system
lacks something, its function says what is done instead and what that is worth.
"""
