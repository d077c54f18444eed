"""What a download directory remembers of its job, in ``<directory>/.asyncdl/``.

For each service: the label under which the job's requests stand, what was asked
for and which download id it got, and for every wanted file how it ended and what
was proven about it. Everything is written before the act it speaks of, so after
any end the next run knows at least as much as has happened. Deleting it loses
nothing but that memory.

The pieces of unfinished files are noted beside these files, not here: the note
and the bytes it speaks of stay together, whatever becomes of this folder.
"""
