"""The two ways in which structure checks say no."""


class Malformed(Exception):
    """The bytes are not what their form requires; the text says where.

    Never leaves the room: :mod:`asyncdl.transfer.verification.checks` makes a
    ``WrongContent`` of it, which knows the file and its URL.
    """


class Doubtful(Malformed):
    """The bytes are not as they should be, but some reader may take them all the same.

    Of a file that is known to be whole this is no reason to refuse it.
    """
