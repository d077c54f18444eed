"""A regular expression as a backtracking matcher works on it, with its steps counted.

The steps are those of the engine of ``re``: one for each character that is looked at and for
each node that is entered again. Shortcuts of the real engine are left out, so that what is
linear here is linear there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LONG = 8
"""Bounded repetitions are cut to so many: their growth is that of an unbounded one up to there."""

_LOOPS = (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT)

Next = Callable[[int], bool]
Node = tuple[Any, Any]


class TooManySteps(Exception):
    """The budget is used up."""


def parsed(pattern: str | bytes, flags: int) -> tuple[list[Node], int]:
    """Return the tree of a pattern and its flags."""
    tree = parser.parse(pattern, flags)
    return list(tree), tree.state.flags


@contextmanager
def deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def count_steps(tree: list[Node], flags: int, text: str, mode: str, budget: int) -> int:
    """Return the steps that ``match``, ``fullmatch`` or ``search`` (to the end) take."""
    matcher = _Matcher(text, flags, budget)
    if mode != "search":
        at_end = (lambda at: at == len(text)) if mode == "fullmatch" else (lambda at: True)
        matcher.run(tree, 0, at_end)
        return matcher.steps
    start = 0
    while start <= len(text):
        stop = matcher.end_of_match(tree, start)
        start = max(stop, start + 1)
    return matcher.steps


@dataclass
class _Matcher:
    text: str
    flags: int
    budget: int
    steps: int = 0
    groups: dict[int, tuple[int, int]] = field(default_factory=dict)

    def end_of_match(self, tree: list[Node], start: int) -> int:
        stops: list[int] = []

        def ends(at: int) -> bool:
            stops.append(at)
            return True

        self.run(tree, start, ends)
        return stops[-1] if stops else -1

    def run(self, tree: list[Node], at: int, then: Next) -> bool:
        return self._items(tree, 0, at, then)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self.budget:
            raise TooManySteps

    def _items(self, items: Any, index: int, at: int, then: Next) -> bool:
        while index < len(items) and _is_one(items[index]):
            self._step()
            if at >= len(self.text) or not takes(items[index], self.text[at], self.flags):
                return False
            at, index = at + 1, index + 1
        if index == len(items):
            return then(at)
        self._step()
        op, av = items[index]
        return self._node(op, av, at, lambda stop: self._items(items, index + 1, stop, then))

    def _node(self, op: Any, av: Any, at: int, then: Next) -> bool:
        if op in (c.MAX_REPEAT, c.MIN_REPEAT):
            low, high, body = av
            if len(body) == 1 and _is_one(body[0]):
                return self._ones(op, low, high, body[0], at, then)
            return self._repeat(op, low, high, list(body), at, then)
        if op is c.POSSESSIVE_REPEAT:
            low, high, body = av
            return self._possessive(low, high, body, at, then)
        if op is c.SUBPATTERN:
            number, _, _, body = av
            return self._group(number, list(body), at, then)
        if op is c.ATOMIC_GROUP:
            stop = self.end_of_match(list(av), at)
            return stop >= 0 and then(stop)
        if op is c.BRANCH:
            return any(self._items(list(way), 0, at, then) for way in av[1])
        if op is c.AT:
            return self._is_at(av, at) and then(at)
        if op in (c.ASSERT, c.ASSERT_NOT):
            return self._looks(av, at) is (op is c.ASSERT) and then(at)
        if op is c.GROUPREF:
            start, stop = self.groups.get(av, (0, 0))
            self.steps += stop - start
            said = self.text[start:stop]
            return self.text.startswith(said, at) and then(at + len(said))
        raise AssertionError(f"a node that nobody has thought of: {op}")

    def _ones(self, op: Any, low: int, high: int, one: Node, at: int, then: Next) -> bool:
        high = _cut(low, high)
        if op is c.MIN_REPEAT:
            stop = at
            while True:
                if stop - at >= low and then(stop):
                    return True
                self._step()
                if stop - at >= high or not self._takes(one, stop):
                    return False
                stop += 1
        stop = self._run_of(one, at, high)
        while stop - at >= low:
            self._step()
            if then(stop):
                return True
            stop -= 1
        return False

    def _takes(self, one: Node, at: int) -> bool:
        return at < len(self.text) and takes(one, self.text[at], self.flags)

    def _run_of(self, one: Node, at: int, high: int) -> int:
        stop = at
        while stop - at < high and self._takes(one, stop):
            self._step()
            stop += 1
        return stop

    def _repeat(
        self, op: Any, low: int, high: int, body: list[Node], at: int, then: Next, done: int = 0
    ) -> bool:
        high = _cut(low, high)

        def again(stop: int) -> bool:
            if stop == at and done >= low:
                return False
            return self._repeat(op, low, high, body, stop, then, done + 1)

        def more() -> bool:
            return done < high and self._items(body, 0, at, again)

        if done < low:
            return more()
        if op is c.MIN_REPEAT:
            return then(at) or more()
        return more() or then(at)

    def _possessive(self, low: int, high: int, body: Any, at: int, then: Next) -> bool:
        count = 0
        while count < high:
            self._step()
            stop = self.end_of_match(list(body), at)
            if stop <= at:
                break
            at, count = stop, count + 1
        return count >= low and then(at)

    def _group(self, number: int | None, body: list[Node], at: int, then: Next) -> bool:
        def close(stop: int) -> bool:
            if number is not None:
                self.groups[number] = (at, stop)
            return then(stop)

        return self._items(body, 0, at, close)

    def _looks(self, av: Any, at: int) -> bool:
        direction, body = av
        if direction > 0:
            return self._items(list(body), 0, at, lambda stop: True)
        width = body.getwidth()[0]
        return at >= width and self._items(list(body), 0, at - width, lambda stop: stop == at)

    def _is_at(self, where: Any, at: int) -> bool:
        text, size = self.text, len(self.text)
        if where in (c.AT_BOUNDARY, c.AT_NON_BOUNDARY):
            before = at > 0 and _is_word(text[at - 1])
            return (before != (at < size and _is_word(text[at]))) is (where is c.AT_BOUNDARY)
        if where is c.AT_BEGINNING and self.flags & re.MULTILINE:
            return at == 0 or text[at - 1] == "\n"
        if where in (c.AT_BEGINNING, c.AT_BEGINNING_STRING):
            return at == 0
        if where is c.AT_END and self.flags & re.MULTILINE:
            return at == size or text[at] == "\n"
        return at == size or (where is c.AT_END and text[at:] == "\n")


def _cut(low: int, high: int) -> int:
    return high if high is c.MAXREPEAT else min(int(high), max(low, LONG))


def _is_one(node: Node) -> bool:
    return node[0] in (c.LITERAL, c.NOT_LITERAL, c.IN, c.ANY)


def takes(node: Node, char: str, flags: int) -> bool:
    """Tell whether a node of one character takes this one."""
    op, av = node
    if op is c.ANY:
        return char != "\n" or bool(flags & re.DOTALL)
    forms = {char, char.lower(), char.upper()[:1]} if flags & re.IGNORECASE else {char}
    if op is c.LITERAL:
        return any(ord(form) == av for form in forms)
    if op is c.NOT_LITERAL:
        return all(ord(form) != av for form in forms)
    is_negated = av[0][0] is c.NEGATE
    return any(_holds(part, form, flags) for part in av for form in forms) is not is_negated


def _holds(part: Node, char: str, flags: int) -> bool:
    op, av = part
    is_ascii = char.isascii() or not flags & re.ASCII
    if op is c.LITERAL:
        return ord(char) == int(av)
    if op is c.RANGE:
        return bool(av[0] <= ord(char) <= av[1])
    if op is c.CATEGORY:
        kinds = {
            c.CATEGORY_DIGIT: is_ascii and char.isdecimal(),
            c.CATEGORY_SPACE: is_ascii and char.isspace(),
            c.CATEGORY_WORD: is_ascii and _is_word(char),
        }
        kinds |= {
            c.CATEGORY_NOT_DIGIT: not kinds[c.CATEGORY_DIGIT],
            c.CATEGORY_NOT_SPACE: not kinds[c.CATEGORY_SPACE],
            c.CATEGORY_NOT_WORD: not kinds[c.CATEGORY_WORD],
        }
        return bool(kinds[av])
    return False


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


# --- inputs that are as hostile as a pattern allows ----------------------------------------

_ALPHABET = [chr(code) for code in range(128)] + list("éσ٣\x85\u2028\u017f\u212a\ud800")


def hostile_texts(tree: list[Node], flags: int) -> Iterator[tuple[str, str, str]]:
    """Yield prefixes, what to repeat behind them, and suffixes, made from the pattern itself."""
    kinds = _kinds_of_chars(tree, flags)
    whole = {text for text in (witness(tree, flags, False), witness(tree, flags, True)) if text}
    seen: set[tuple[str, str]] = set()
    for prefix, bodies in [*_repeats(tree, flags, [""]), ("", [])]:
        loops = [body for body in bodies if body]
        pumps = {*loops, *kinds, *whole, *(prefix + body for body in ["", *loops])} - {""}
        pumps |= {body + kind for body in (*loops, prefix) if body for kind in (*kinds[:3], " ")}
        seen |= {(start, pump) for start in {prefix, ""} for pump in pumps}
        seen |= {("!", kind) for kind in kinds}
    for prefix, pump in sorted(seen):
        for suffix in ("", "\0", "!", *(kinds if len(pump) == 1 else ())):
            yield prefix, pump, suffix


def _kinds_of_chars(tree: list[Node], flags: int) -> list[str]:
    """Return one character for each set of nodes that take it: no two behave the same."""
    nodes = list(_ones_in_loops(tree, False))
    by_taken: dict[tuple[bool, ...], str] = {}
    for char in _ALPHABET:
        by_taken.setdefault(tuple(takes(node, char, flags) for node in nodes), char)
    return list(by_taken.values())


def _ones_in_loops(items: Any, is_inside: bool) -> Iterator[Node]:
    """Yield the nodes that take one character and are repeated, or looked ahead or back for."""
    for op, av in items:
        if _is_one((op, av)) and is_inside:
            yield op, av
        is_loop = op in _LOOPS and av[1] > 1
        for body in _bodies(op, av):
            yield from _ones_in_loops(body, is_inside or is_loop or op in (c.ASSERT, c.ASSERT_NOT))


def _bodies(op: Any, av: Any) -> list[Any]:
    if op in _LOOPS:
        return [av[2]]
    if op is c.SUBPATTERN:
        return [av[3]]
    if op is c.ATOMIC_GROUP:
        return [av]
    if op is c.BRANCH:
        return list(av[1])
    return [av[1]] if op in (c.ASSERT, c.ASSERT_NOT) else []


def _repeats(items: Any, flags: int, starts: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield for each repetition what leads to it, and ways through its body."""
    for op, av in items:
        bodies = _bodies(op, av)
        if op in _LOOPS and av[1] > 1:
            ways = {witness(list(av[2]), flags, full) for full in (False, True)}
            ways |= {w for b in _ways(av[2]) for w in [witness(list(b), flags, True)]}
            for start in starts:
                yield start, sorted(ways)
        for body in bodies:
            yield from _repeats(body, flags, starts)
        more = [witness([(op, av)], flags, full) for full in (False, True)]
        starts = list(dict.fromkeys(start + end for start in starts for end in more))[:3]


def _ways(items: Any) -> Iterator[Any]:
    for op, av in items:
        if op is c.BRANCH:
            yield from av[1]
        for body in _bodies(op, av):
            yield from _ways(body)


def witness(items: list[Node], flags: int, full: bool) -> str:
    """Return a text that the nodes take, with or without what may be left out."""
    return "".join(_witness(op, av, flags, full) for op, av in items)


def _witness(op: Any, av: Any, flags: int, full: bool) -> str:
    if _is_one((op, av)):
        first = "aA0_ -x" + "".join(_ALPHABET)
        return next((char for char in first if takes((op, av), char, flags)), "")
    if op in _LOOPS:
        return witness(list(av[2]), flags, full) * int(max(av[0], 1 if full else 0))
    if op is c.SUBPATTERN:
        return witness(list(av[3]), flags, full)
    if op is c.ATOMIC_GROUP:
        return witness(list(av), flags, full)
    if op is c.BRANCH:
        return witness(list(av[1][-1 if full else 0]), flags, full)
    return ""
