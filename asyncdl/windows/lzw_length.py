"""How long a tile in TIFF's LZW is when it is decoded; its bytes are not made.

Source: TIFF 6.0, section 13: codes of 9 to 12 bits, the most significant first, one wider a
code early.
"""

from __future__ import annotations

from asyncdl.windows.window_errors import DamagedTile

_CLEAR, _END, _FIRST = 256, 257, 258
_NARROW, _WIDE = 9, 12
_MOST_CODES = 1 << _WIDE


def lzw_length(data: bytes, expected: int) -> int:
    """Return the length of what is decoded, at least as far as it is `expected`.

    Takes a step for each code, so no longer than some times the length of the data.

    Raises: DamagedTile, at a code that cannot stand there, or without an end.
    """
    lengths = [1] * _FIRST + [0] * (_MOST_CODES - _FIRST)
    following, previous, width, count = _FIRST, 0, _NARROW, 0
    bits, held = 0, 0
    for byte in data:
        bits, held = (bits << 8) | byte, held + 8
        if held < width:
            continue
        held -= width
        code, bits = bits >> held, bits & ((1 << held) - 1)
        if code == _CLEAR:
            following, previous, width = _FIRST, 0, _NARROW
            continue
        if code == _END or count >= expected:
            return count
        if (
            code > following
            or (code == following and not previous)
            or (not previous and code > _CLEAR)
        ):
            raise DamagedTile("a tile has an LZW code that was never made")
        if previous and following < _MOST_CODES:
            lengths[following] = previous + 1
            following += 1
            if following >= (1 << width) - 1 and width < _WIDE:
                width += 1
        previous = lengths[code]
        count += previous
    if count < expected:
        raise DamagedTile("a tile ends in the middle of its LZW codes")
    return count
