"""The picture of the display: drawn as the script draws it, and complete in itself."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from asyncdl.events import FilesWanted, ScenesFound, TransferStarted
from asyncdl.progress.run_progress import RunProgress
from docs import make_display

NAMESPACE = "http://www.w3.org/2000/svg"


def drawn_now() -> str:
    progress = RunProgress()
    for event in (ScenesFound(1, 1), FilesWanted(2, 20), TransferStarted("a", "A_B4.TIF", 10, 0)):
        progress.take(event)
    return make_display.drawn(progress)


@pytest.mark.parametrize("make", [make_display.PICTURE.read_text, drawn_now])
def test_a_picture_names_no_foreign_host(make: object) -> None:
    assert callable(make)
    picture = make()
    assert set(re.findall(r"https?:[^\"' ]+", picture)) == {NAMESPACE}
    assert not re.search(r"@import|@font-face|url\((?!#)|<script|href=", picture)
    assert ElementTree.fromstring(picture).tag == f"{{{NAMESPACE}}}svg"


def test_the_picture_shows_files_on_their_way_and_in_preparation() -> None:
    picture = "".join(ElementTree.parse(make_display.PICTURE).getroot().itertext())
    text = picture.replace("\N{NO-BREAK SPACE}", " ")
    for told in ("3 scenes", "of 54 files", "quota left", "to go", "files in preparation"):
        assert told in text
