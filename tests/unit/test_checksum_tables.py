"""Tables of checksums, as the tools of the world write them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from asyncdl.errors import ConfigError
from asyncdl.lists.checksums import ChecksumTable, path_in, read_checksums
from asyncdl.lists.line_reader import lines_of
from asyncdl.transfer import Digest

SHA, OTHER = "ab" * 32, "cd" * 32
SIGNED = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# x.iso: 5 bytes
SHA256 (x.iso) = {SHA}
-----BEGIN PGP SIGNATURE-----

iQ==
-----END PGP SIGNATURE-----
"""
TOOLS = ["md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum"]


def table(text: str) -> ChecksumTable:
    return read_checksums("SUMS", text.split("\n"))


@pytest.mark.parametrize("flags", [[], ["-b"], ["--tag"]])
@pytest.mark.parametrize("tool", TOOLS)
def test_what_the_tools_write_is_read(tmp_path: Path, tool: str, flags: list[str]) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} here")
    names = ["a.bin", "b c.bin", "ü.bin", "new\nline.bin", "back\\slash.bin"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    done = subprocess.run(
        [tool, *flags, *names], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    found = read_checksums(tool, lines_of(done.stdout))
    algorithm = tool.removesuffix("sum")
    for name in names:
        expected = hashlib.new(algorithm, name.encode()).hexdigest()
        assert found.digests_of(name) == (Digest(algorithm, expected),)


@pytest.mark.parametrize(
    "text",
    [
        f"{SHA}  x.iso",
        f"{SHA} *x.iso",
        f"{SHA}  ./x.iso",
        f"{SHA.upper()}  x.iso",
        f"{SHA}  pool/main/x.iso\n{OTHER}  other.iso",
        f"SHA256 (x.iso) = {SHA}",
        f"SHA256(x.iso)= {SHA}",
        f"# x.iso: 5 bytes\nSHA256 (x.iso) = {SHA}\n",
        f"\n{SHA}",
        SIGNED,
    ],
)  # fmt: skip
def test_a_file_is_found_by_its_name(text: str) -> None:
    digests = table(text).digests_of("/debian/pool/main/x.iso")
    assert [digest.value.lower() for digest in digests] == [SHA]


def test_several_digests_of_one_file_all_count() -> None:
    found = table(f"SHA256 (x) = {SHA}\nMD5 (x) = {'0' * 32}\nSHA256 (x) = {SHA}\n")
    assert found.digests_of("x") == (Digest("sha256", SHA), Digest("md5", "0" * 32))


def test_of_two_files_of_one_name_the_path_tells() -> None:
    found = table(f"{SHA}  amd64/x\n{OTHER}  arm64/x\n")
    assert found.digests_of("/pub/arm64/x") == (Digest("sha256", OTHER),)
    assert found.digests_of("/pub/riscv/x") == ()
    assert found.digests_of("/pub/arm64/y") == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{SHA}  x\n{OTHER}  x", "lines 1 and 2 give different sha256 digests of x"),
        ("<html>404</html>", "line 1 is not a checksum"),
        (f"{SHA}  x\n{SHA[:-1]}  y", "line 2: 63 hexadecimal digits"),
        (f"SHA3-256 (x) = {SHA}", "line 1: SHA3-256 is not supported"),
        (f"MD5 (x) = {SHA}", "line 1: 64 hexadecimal digits are not such a digest"),
        ("# nothing\n\n", "contains no checksum"),
        (f"{SHA}\n{OTHER}  x", "each of several digests needs a name"),
    ],
)
def test_what_is_no_table_is_named(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        table(text)
    assert f"SUMS: {problem}" in str(refused.value)


def test_a_table_of_another_kind_of_digest_is_not_taken_for_sha_512() -> None:
    with pytest.raises(ConfigError, match="BLAKE2"):
        read_checksums("dist/B2SUMS", [f"{'0' * 128}  x"])


def test_a_url_is_looked_up_by_its_path() -> None:
    assert path_in("https://host/a/b%20c.iso?sig=x#y") == "/a/b c.iso"
