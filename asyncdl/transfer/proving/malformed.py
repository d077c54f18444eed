"""The one way in which structure checks say no."""


class Malformed(Exception):
    """The bytes are not what their form requires; the text says where.

    Never leaves the room: :mod:`asyncdl.transfer.proving.proof` makes a
    ``WrongContent`` of it, which knows the file and its URL.
    """
