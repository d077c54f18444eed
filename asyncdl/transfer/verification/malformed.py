"""The two results of a failed structure check."""


class Malformed(Exception):
    """The bytes are not what their format requires; the text says where.

    Never leaves the room: :mod:`asyncdl.transfer.verification.checks` turns it into a
    ``WrongContent``, which knows the file and its URL.
    """


class Doubtful(Malformed):
    """The bytes are not as they should be, but some reader may accept them.

    For a file that is known to be whole this is no reason to refuse it.
    """
