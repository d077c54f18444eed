"""The cases from the field, each as an errand of one program and a judgement of what came of it.

Their letters and numbers are those of docs/faults.md. A case is right when its user has what
they asked for, or has been told truly that they have not; a wrong byte under status 0 never is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import signal
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.field_programs import OURS, Attempt, Ended, Wish
from benchmarks.field_servers import (
    LIST_FILES,
    MIB,
    PAGE,
    SCENE,
    SLOW_BYTES_S,
    SLOW_FILE,
    TABLE,
    FieldServers,
    is_gzip_of,
    list_file,
    pattern,
)
from benchmarks.lying import lying, silent_resolver
from benchmarks.servers import dropped, free_ports
from tests.transfer.fault_server import (
    End,
    HostedFile,
    Received,
    Reply,
    build_head,
    cut,
    fixed,
    redirect,
    status,
)

HALF = len(SCENE) // 2
FILE = HostedFile(SCENE)
AWAY_S = 25.0
FIRST_BYTE_S = 75.0
GOOD_WITHIN_S = 20.0
"""The good files of a list are small: without a dead host they take a fraction of a second."""
ENDS_WITHIN_S = 5.0
"""After an interrupt; what hangs, hangs for a minute."""
CHECKPOINT_S = 10.0
"""What a slow line may lose to a kill, as seconds of that line."""
RESOLVER = "127.0.0.77"


@dataclass(frozen=True)
class Finding:
    """What a program has come to."""

    is_right: bool | None
    """``None`` if the case is none for this program, or cannot be tried here."""
    what: str
    """In a few words."""


Judge = Callable[[Attempt, FieldServers], Finding]


@dataclass(frozen=True)
class Case:
    """One case."""

    name: str
    title: str
    right: str
    server: str
    """Who misbehaves, or serves."""
    judge: Judge
    is_long: bool = False
    """Whether its time is spent waiting, so that all programs may wait at once."""


def whole_or_refused(attempt: Attempt, ended: Ended, name: str, body: bytes) -> Finding:
    """Judge a file that may be refused, but never be wrong."""
    content = attempt.content(name)
    if ended.status == 0 and content == body:
        return Finding(True, "whole")
    if ended.status == 0:
        what = "no file" if content is None else _wrong_bytes(content, body)
        return Finding(False, f"{what}, exit 0")
    return Finding(ended.status is not None, f"refused ({ended.how})")


def must_come(attempt: Attempt, ended: Ended, name: str, body: bytes) -> Finding:
    """Judge a file that can be had."""
    found = whole_or_refused(attempt, ended, name, body)
    is_there = ended.status == 0 and attempt.content(name) == body
    return found if is_there else Finding(False, found.what.replace("refused", "not fetched"))


def _wrong_bytes(content: bytes, body: bytes) -> str:
    if content == body[len(body) - len(content) :]:
        return "the tail as the file"
    if content == body[: len(content)]:
        return "the beginning as the file"
    return "wrong bytes"


def e1(attempt: Attempt, servers: FieldServers) -> Finding:
    """Ours alone, in the environment whose Python the caller names."""
    python = os.environ.get("FIELD_UVLOOP", "")
    if attempt.program != OURS:
        return Finding(None, "")
    if not python:
        return Finding(None, "not tried: no uvloop here")
    ours = replace(attempt, python=python)
    trust = {"SSL_CERT_FILE": str(servers.authority)}
    for origin in (servers.plain, servers.secure["good"]):
        name = f"{origin.partition(':')[0]}.bin"
        found = must_come(ours, ours.get(f"{origin}/slow.bin", name=name, environment=trust),
                          name, SLOW_FILE)  # fmt: skip
        if not found.is_right:
            return Finding(False, f"{origin.partition(':')[0]}: {found.what}")
    return Finding(True, "whole, plain and over TLS")


def e2(attempt: Attempt, servers: FieldServers) -> Finding:
    tail = f"bytes {HALF}-{len(SCENE) - 1}/{len(SCENE)}"

    def respond(received: Received) -> Reply:
        wanted = received.headers.get("range", "bytes=0-")
        if not wanted.startswith("bytes=0-"):
            head = {"Content-Range": tail, "ETag": '"v1"', "Content-Length": len(SCENE) - HALF}
            return Reply(build_head("200 OK", head), SCENE[HALF:])
        return cut(replace(FILE, takes_ranges=False), HALF)(received)

    with lying(respond) as host:
        ended = twice(attempt, f"{host.url}/scene.bin")
    return whole_or_refused(attempt, ended, "scene.bin", SCENE)


def twice(attempt: Attempt, url: str) -> Ended:
    """Run a program, and once more if it failed, as a user does."""
    few = {OURS: ["--attempts", "2"], "wget2": ["--tries=2"], "aria2c": ["-m", "2"]}
    ended = attempt.get(url, more=few)
    return ended if ended.status == 0 else attempt.get(url, more=few)


def e3(attempt: Attempt, servers: FieldServers) -> Finding:
    other = HostedFile(pattern(len(SCENE), seed=3))

    def respond(received: Received) -> Reply:
        is_first = received.target.endswith("id=1")
        return (cut(FILE, HALF) if is_first else other)(received)

    one = {OURS: ["--attempts", "1"], "wget2": ["--tries=1"], "aria2c": ["-m", "1"]}
    with lying(respond) as host:
        attempt.get(f"{host.url}/dl?id=1", name="file.bin", more=one)
        if attempt.content("file.bin") == SCENE:
            return Finding(None, "the cut was made good at once")
        ended = attempt.get(f"{host.url}/dl?id=2", name="file.bin", more=one)
    found = whole_or_refused(attempt, ended, "file.bin", other.body)
    return replace(found, what=found.what.replace("wrong bytes", "head of one, tail of the other"))


def e4(attempt: Attempt, servers: FieldServers) -> Finding:
    def respond(received: Received) -> Reply:
        headers = received.headers
        is_asked = headers.get("accept") == "application/octet-stream"
        is_me = headers.get("user-agent") == "me/1"
        return (FILE if is_asked and is_me else fixed(body=b'{"a": 1}'))(received)

    wish = ("Accept: application/octet-stream", "User-Agent: me/1")
    by_header = {p: [w for h in wish for w in (o, h)] for p, o in ((OURS, "-H"), ("curl", "-H"))}
    more = {
        **by_header,
        "wget2": [f"--header={wish[0]}", "--user-agent=me/1"],
        "aria2c": [f"--header={wish[0]}", "--user-agent=me/1"],
    }
    with lying(respond) as host:
        ended = attempt.get(f"{host.url}/x", name="x.bin", more=more)
    return must_come(attempt, ended, "x.bin", SCENE)


def e5(attempt: Attempt, servers: FieldServers) -> Finding:
    good = [f"{servers.plain}/list/{number:03}.bin" for number in range(5)]
    with dropped() as origin:
        dead = [f"{origin}/dead-{number}.bin" for number in range(5)]
        five = {"wget2": ["--max-threads=5"], "aria2c": ["-j", "5"]}
        program = attempt.start(Wish((*dead, *good), more=five | _in_a_list(attempt, dead + good)))
        began_s = time.monotonic()
        while (count := _count_whole(attempt, 5)) < 5:
            if time.monotonic() - began_s > GOOD_WITHIN_S:
                break
            time.sleep(0.1)
        seconds = time.monotonic() - began_s
        program.signal(signal.SIGKILL)
        program.wait(10)
    if count == 5:
        return Finding(True, f"5 good files in {_rough(seconds)}")
    return Finding(False, f"{count} good files in {GOOD_WITHIN_S:.0f} s")


def _in_a_list(attempt: Attempt, urls: Sequence[str]) -> dict[str, list[str]]:
    """Give aria2c its URLs in a file: on its command line several are mirrors."""
    if attempt.program != "aria2c":
        return {}
    path = attempt.folder.parent / f"{attempt.folder.name}.urls"
    path.write_text("".join(f"{url}\n" for url in urls))
    return {"aria2c": ["-j", "5", "-i", str(path)]}


def _count_whole(attempt: Attempt, count: int) -> int:
    numbers = range(count)
    return sum(attempt.content(f"{number:03}.bin") == list_file(number) for number in numbers)


def _rough(seconds: float) -> str:
    return "a second" if seconds < 2 else f"{seconds:.0f} s"


def e6(attempt: Attempt, servers: FieldServers) -> Finding:
    mine = b"all:\n\techo mine\n"
    (attempt.folder / "Makefile").write_bytes(mine)
    named = replace(FILE, headers={"Content-Disposition": "attachment; filename=Makefile"})
    more = {"curl": ["-J"], "wget2": ["--content-disposition"]}
    with lying(named) as host:
        ended = attempt.get(f"{host.url}/dl?id=7", more=more, goes_on=False)
    if attempt.content("Makefile") != mine:
        return Finding(False, "the user's file is replaced")
    others = [name for name in attempt.names if name != "Makefile"]
    return Finding(True, f"saved as {others[0]}" if others else f"refused ({ended.how})")


def e7(attempt: Attempt, servers: FieldServers) -> Finding:
    """Apache refuses every range; what an earlier program left is not to be continued."""
    ended = attempt.get(f"{servers.apache}/no-ranges/scene.bin")
    if attempt.content("scene.bin") == SCENE and ended.status == 0:
        return _continued(attempt)
    return must_come(attempt, ended, "scene.bin", SCENE)


def _continued(attempt: Attempt) -> Finding:
    """Cut a file in the middle of a first run, and see what a second makes of it."""
    plain, is_cut = replace(FILE, takes_ranges=False), [True]

    def respond(received: Received) -> Reply:
        if "range" in received.headers:
            return status(403)(received)
        return (cut(plain, HALF) if is_cut[0] else plain)(received)

    one = {OURS: ["--attempts", "1"], "wget2": ["--tries=1"], "aria2c": ["-m", "1"]}
    with lying(respond) as host:
        attempt.get(f"{host.url}/cut.bin", more=one)
        is_cut[0] = False
        ended = attempt.get(f"{host.url}/cut.bin", more=one)
    found = must_come(attempt, ended, "cut.bin", SCENE)
    words = "whole, and after a cut" if found.is_right else f"after a cut {found.what}"
    return replace(found, what=words)


def e8(attempt: Attempt, servers: FieldServers) -> Finding:
    body = pattern(12 * MIB, seed=4)
    large, limit = HostedFile(body), 8 * MIB
    is_cut = [True]

    def respond(received: Received) -> Reply:
        first = received.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
        if first.isdigit() and int(first) > limit:
            return status(500)(received)
        return (cut(large, 9 * MIB) if is_cut[0] else large)(received)

    few = {OURS: ["--attempts", "2"], "wget2": ["--tries=2"], "aria2c": ["-m", "2"]}
    with lying(respond) as host:
        attempt.get(f"{host.url}/large.bin", more=few | {OURS: ["--attempts", "1", "-x", "1"]})
        is_cut[0] = False
        ended = attempt.get(f"{host.url}/large.bin", more=few)
    return must_come(attempt, ended, "large.bin", body)


def e9(attempt: Attempt, servers: FieldServers) -> Finding:
    calm_s, finding = _fetch_list(attempt, servers.capped, "calm")
    if not finding.is_right:
        return replace(finding, what=f"without failures: {finding.what}")
    seconds, finding = _fetch_list(attempt, servers.failing, "failing")
    if not finding.is_right:
        return finding
    is_fair = seconds < 2 * calm_s
    words = "" if is_fair else f" in {seconds / calm_s:.1f} times the time"
    return Finding(is_fair, f"all {LIST_FILES} files{words}")


def _fetch_list(attempt: Attempt, origin: str, folder: str) -> tuple[float, Finding]:
    own = Attempt(attempt.program, attempt.folder / folder)
    own.folder.mkdir()
    path = attempt.folder / f"{folder}.txt"
    urls = [f"{origin}/list/{number:03}.bin" for number in range(LIST_FILES)]
    path.write_text("".join(f"{url}\n" for url in urls))
    config = attempt.folder / f"{folder}.conf"
    config.write_text("".join(f'url = "{url}"\nremote-name\n' for url in urls))
    more = {
        OURS: ["-j", "8", "-i", str(path)],
        "curl": ["-Z", "--parallel-max", "8", "--retry", "8", "-K", str(config)],
        "wget2": ["--max-threads=8", "-i", str(path)],
        "aria2c": ["-j", "8", "-m", "8", "--retry-wait=1", "-i", str(path)],
    }
    ended = own.get(more=more, goes_on=attempt.program != "curl", longest_s=120)
    count = _count_whole(own, LIST_FILES)
    is_right = ended.status == 0 and count == LIST_FILES
    return ended.seconds, Finding(is_right, f"{count} of {LIST_FILES} files, {ended.how}")


def e10(attempt: Attempt, servers: FieldServers) -> Finding:
    port = free_ports(1)[0]
    more = {
        OURS: ["--max-wait", "2m"],
        "curl": ["--retry", "20", "--retry-connrefused", "--retry-max-time", "120"],
        "wget2": ["--tries=20", "--retry-connrefused", "--waitretry=5"],
        "aria2c": ["-m", "20", "--retry-wait=5"],
    }
    wish = Wish((f"http://127.0.0.1:{port}/scene.bin",), more=more)
    program = attempt.start(wish)
    time.sleep(AWAY_S)
    with lying(FILE, port=port):
        ended = program.wait(90)
    return must_come(attempt, ended, "scene.bin", SCENE)


def e11(attempt: Attempt, servers: FieldServers) -> Finding:
    for coding in ("aws-chunked", "none", "binary"):
        odd = replace(FILE, headers={"Content-Encoding": coding})
        with lying(odd) as host:
            ended = attempt.get(f"{host.url}/{coding}.bin")
        found = must_come(attempt, ended, f"{coding}.bin", SCENE)
        if not found.is_right:
            return replace(found, what=f"{coding}: {found.what}")
    ended = attempt.get(f"{servers.apache}/always-gzip/table.csv")
    content = attempt.content("table.csv") or b""
    if ended.status == 0 and content == TABLE:
        return Finding(True, "whole; table.csv decoded")
    if ended.status == 0 and is_gzip_of(content, TABLE):
        return Finding(True, "whole; table.csv kept as gzip")
    return must_come(attempt, ended, "table.csv", TABLE)


_REASONS = {
    "expired": ("expired", "not valid after", "expiration"),
    "other-host": ("hostname", "host name", "subject", "owner", "does not match", "mismatch"),
    "good": ("issuer", "self-signed", "self signed", "authority", "unknown ca"),
}
"""Words of which a true message has one; ``good`` is good once its authority is trusted."""


def e12(attempt: Attempt, servers: FieldServers) -> Finding:
    trust = str(servers.authority)
    more = {
        OURS: ["--cacert", trust],
        "curl": ["--cacert", trust],
        "wget2": [f"--ca-certificate={trust}"],
        "aria2c": [f"--ca-certificate={trust}"],
    }
    more["wget2"].append("--no-ocsp")
    unsaid: list[str] = []
    for name, words in _REASONS.items():
        options = None if name == "good" else more
        url = f"{servers.secure[name]}/page.html"
        ended = attempt.get(url, name=f"{name}.bin", more=options, longest_s=30)
        if ended.status == 0:
            return Finding(False, f"{name}: accepted")
        if not any(word in ended.text.lower() for word in words):
            unsaid.append({"good": "issuer"}.get(name, name))
    ended = attempt.get(f"{servers.secure['good']}/slow.bin", name="slow.bin", more=more)
    found = must_come(attempt, ended, "slow.bin", SLOW_FILE)
    if not found.is_right:
        return replace(found, what=f"with --cacert {found.what}")
    if unsaid:
        return Finding(False, f"does not say why: {', '.join(unsaid)}")
    return Finding(True, "each reason said; whole with --cacert")


def e13(attempt: Attempt, servers: FieldServers) -> Finding:
    ended = attempt.get(f"{servers.apache}/moved/scene.bin")
    return must_come(attempt, ended, "scene.bin", SCENE)


def e14(attempt: Attempt, servers: FieldServers) -> Finding:
    """The second run asks as each program can; the file on lighttpd has changed meanwhile."""
    name = f"{attempt.program}-changing.bin"
    path, url = servers.data / name, f"{servers.lighttpd}/{name}"
    path.write_bytes(SCENE)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    more = {
        OURS: ["-N"],
        "curl": ["-R", "-z", name],
        "wget2": ["-N"],
        "aria2c": ["--conditional-get=true", "--allow-overwrite=true", "--remote-time=true"],
    }
    first = attempt.get(url, more=more | {"curl": ["-R"]}, goes_on=False)
    if attempt.content(name) != SCENE:
        return replace(must_come(attempt, first, name, SCENE), is_right=False)
    changed = SCENE[::-1]
    path.write_bytes(changed)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    ended = attempt.get(url, more=more, goes_on=False)
    if attempt.content(name) == SCENE:
        return Finding(False, f"the old file stays ({ended.how})")
    found = must_come(attempt, ended, name, changed)
    if found.is_right and abs((attempt.folder / name).stat().st_mtime - 1_700_000_000) > 1:
        return Finding(False, "the new file without the host's time")
    return replace(found, what="fetched anew, with its time") if found.is_right else found


def e15(attempt: Attempt, servers: FieldServers) -> Finding:
    """One connection each, as a line of one megabyte a second is no place for more."""
    name = f"{attempt.program}-slow.bin"
    shutil.copyfile(servers.data / "slow.bin", servers.data / name)
    url, one = f"{servers.slow}/{name}", {OURS: ["-x", "1"], "aria2c": ["-x", "1"]}
    program = attempt.start(Wish((url,), more=one))
    time.sleep(18)
    program.signal(signal.SIGKILL)
    program.wait(10)
    before = _until_logged(servers, name, 0)
    ended = attempt.get(url, more=one)
    again = _until_logged(servers, name, before) - before
    found = must_come(attempt, ended, name, SLOW_FILE)
    lost = again - (len(SLOW_FILE) - before)
    if not found.is_right:
        return found
    if lost > (CHECKPOINT_S + 2) * SLOW_BYTES_S:
        return Finding(False, f"{lost / MIB:.0f} of {before / MIB:.0f} MiB fetched again")
    return Finding(True, f"{max(0, lost) / MIB:.0f} of {before / MIB:.0f} MiB fetched again")


def _until_logged(servers: FieldServers, name: str, before: int) -> int:
    """Wait until the server has noted the end of a request."""
    for _ in range(50):
        if (sent := servers.slow_bytes_sent(name)) > before:
            break
        time.sleep(0.1)
    return sent


def e16(attempt: Attempt, servers: FieldServers) -> Finding:
    head = build_head("200 OK", {"Content-Type": "application/octet-stream"})
    with lying(lambda _: Reply(head, SCENE[:HALF], End.CLOSE)) as host:
        ended = attempt.get(f"{host.url}/scene.bin", goes_on=False)
    if ended.status != 0:
        return Finding(True, f"refused ({ended.how})")
    is_said = "unverified" in ended.text.lower()
    return Finding(is_said, "said: length unverified" if is_said else "taken for whole, silently")


def e17(attempt: Attempt, servers: FieldServers) -> Finding:
    """Two hosts, as NASA's Earthdata Login: one has the files, the other the passwords."""
    netrc = attempt.folder.parent / f"{attempt.folder.name}.netrc"
    netrc.write_text("machine 127.0.0.2 login me password s3cret\n")
    netrc.chmod(0o600)
    back: list[str] = []
    pair = f"Basic {base64.b64encode(b'me:s3cret').decode()}"

    def log_in(received: Received) -> Reply:
        if received.headers.get("authorization") != pair:
            return fixed("401 Who", b"no", WWW_Authenticate='Basic realm="Login"')(received)
        return redirect(f"{back[0]}/login?code=1")(received)

    with lying(log_in, address="127.0.0.2") as login:

        def respond(received: Received) -> Reply:
            if received.target.startswith("/login"):
                to = fixed("302 Back", Location="/scene.bin", Set_Cookie="session=ok; Path=/")
                return to(received)
            if "session=ok" in received.headers.get("cookie", ""):
                return FILE(received)
            return redirect(f"{login.url}/oauth/authorize?client_id=1")(received)

        with lying(respond) as host:
            back.append(host.url)
            jar = str(attempt.folder.parent / f"{attempt.folder.name}.jar")
            more = {
                OURS: ["--netrc-file", str(netrc)],
                "curl": ["--netrc-file", str(netrc), "-b", jar, "-c", jar],
                "wget2": [f"--netrc-file={netrc}"],
                "aria2c": [f"--netrc-path={netrc}"],
            }
            ended = attempt.get(f"{host.url}/scene.bin", more=more)
            if any("authorization" in request.headers for request in host.requests):
                return Finding(False, "the password goes to the other host, too")
    return must_come(attempt, ended, "scene.bin", SCENE)


def e18(attempt: Attempt, servers: FieldServers) -> Finding:
    """A name for one URL; then a list with names, and with a checksum that does not agree."""
    url = f"{servers.lighttpd}/pub/blogindex/scene.bin"
    found = must_come(attempt, attempt.get(url, name="x.bin"), "x.bin", SCENE)
    if not found.is_right:
        return replace(found, what=f"-o x.bin: {found.what}")
    entries = attempt.folder.parent / f"{attempt.folder.name}.list"
    right, wrong = hashlib.sha256(SCENE).hexdigest(), "0" * 64
    told = (("first.bin", right), ("second.bin", wrong))
    if attempt.program == "curl":
        lines = (f'url = "{url}"\noutput = "{name}"\n' for name, _ in told)
    elif attempt.program == "wget2":
        lines = (f"{url}?{name}\n" for name, _ in told)
    else:
        lines = (f"{url}\n  out={name}\n  checksum=sha-256={digest}\n" for name, digest in told)
    entries.write_text("".join(lines))
    option = "-K" if attempt.program == "curl" else "-i"
    ended = attempt.get(more={attempt.program: [option, str(entries)]})
    if attempt.content("first.bin") != SCENE:
        return Finding(False, "no names in a list")
    if ended.status == 0:
        return Finding(False, "no checksums in a list")
    return Finding(True, "names and checksums in a list")


def e19(attempt: Attempt, servers: FieldServers) -> Finding:
    """A proxy sees which host a program asks for; no name is looked up."""
    asked: list[str] = []

    def respond(received: Received) -> Reply:
        asked.append(received.headers.get("host", "").partition(":")[0])
        return FILE(received)

    with lying(respond) as proxy:
        by_proxy = {"http_proxy": proxy.url, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        for name, wire in (("BÜCHER.test", "xn--bcher-kva.test"), ("faß.test", "xn--fa-hia.test")):
            file = f"{wire}.bin"
            ended = attempt.get(f"http://{name}/x", name=file, environment=by_proxy)
            if not asked or asked[-1] != wire:
                heard = asked[-1] if asked else "nobody"
                return Finding(False, f"{name}: asks {heard} ({ended.how})")
            found = must_come(attempt, ended, file, SCENE)
            if not found.is_right:
                return found
    return Finding(True, "both by IDNA 2008")


def e20(attempt: Attempt, servers: FieldServers) -> Finding:
    length = len(SCENE)
    head = build_head("200 OK", {"Content-Length": length, "content-length": length})
    with lying(lambda _: Reply(head, SCENE)) as host:
        ended = attempt.get(f"{host.url}/scene.bin")
    return must_come(attempt, ended, "scene.bin", SCENE)


def _digest(name: str) -> str:
    algorithm = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256}[name]
    return base64.b64encode(algorithm(SCENE).digest()).decode()


def _digest_headers() -> dict[str, str]:
    crc = base64.b64encode(zlib.crc32(SCENE).to_bytes(4, "big")).decode()
    return {
        "Content-MD5": _digest("md5"),
        "Digest": f"SHA-256={_digest('sha256')}",
        "Repr-Digest": f"sha-256=:{_digest('sha256')}:",
        "x-goog-hash": f"md5={_digest('md5')}",
        "x-amz-checksum-sha256": _digest("sha256"),
        "x-amz-checksum-crc32": crc,
    }


def e21(attempt: Attempt, servers: FieldServers) -> Finding:
    damaged = SCENE[:HALF] + bytes([SCENE[HALF] ^ 1]) + SCENE[HALF + 1 :]
    few = {OURS: ["--attempts", "1"], "wget2": ["--tries=1"], "aria2c": ["-m", "1"]}
    headers, missed = _digest_headers(), []
    for number, (header, value) in enumerate(headers.items()):
        file, name = HostedFile(damaged, headers={header: value}), f"{number}.bin"
        with lying(file) as host:
            ended = attempt.get(f"{host.url}/{name}", more=few)
        if ended.status == 0 or attempt.content(name) == damaged:
            missed.append(header)
    if not missed:
        return Finding(True, f"damage seen by each of {len(headers)} headers")
    seen = len(headers) - len(missed)
    return Finding(False, f"damage seen by {seen} of {len(headers)} headers")


_FALSE_HOPE = ("run the same command again", "try again later", "temporary")


def e22(attempt: Attempt, servers: FieldServers) -> Finding:
    """What never changes is asked for a few times, and is named as what it is."""
    for code in (400, 451):
        with lying(status(code)) as host:
            ended = attempt.get(f"{host.url}/x.bin")
            requests = len(host.requests)
        if ended.status in (0, None):
            return Finding(False, f"{code}: {ended.how}")
        if requests > 3:
            return Finding(False, f"{code}: {requests} requests")
        if any(words in ended.text.lower() for words in _FALSE_HOPE):
            return Finding(False, f"{code}: says to try again")
        if str(code) not in ended.text:
            return Finding(False, f"{code} is not named")
    return Finding(True, "named, and not tried again")


def e23(attempt: Attempt, servers: FieldServers) -> Finding:
    for hops, name in ((6, "page.html"), (9, "nine.html")):
        with lying(_hops(hops, servers.lighttpd)) as host:
            ended = attempt.get(f"{host.url}/{hops}", name=name)
        found = must_come(attempt, ended, name, PAGE)
        if not found.is_right:
            return replace(found, what=f"{hops} redirects: {found.what}")

    def late(received: Received) -> Reply:
        reply = FILE(received)
        return Reply(b"", reply.head + reply.body, gate=_Later(FIRST_BYTE_S))

    with lying(late) as host:
        ended = attempt.get(f"{host.url}/late.bin", longest_s=FIRST_BYTE_S + 30)
    found = must_come(attempt, ended, "late.bin", SCENE)
    if not found.is_right:
        return replace(found, what=f"first byte after {FIRST_BYTE_S:.0f} s: {found.what}")
    return Finding(True, "all come")


class _Later(asyncio.Event):
    """What a reply waits for: a time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def wait(self) -> Literal[True]:
        await asyncio.sleep(self._seconds)
        return True


def _hops(count: int, end: str) -> Callable[[Received], Reply]:
    def respond(received: Received) -> Reply:
        left = int(received.target.strip("/"))
        return redirect(f"{end}/page.html" if left == 1 else f"/{left - 1}")(received)

    return respond


def e24(attempt: Attempt, servers: FieldServers) -> Finding:
    """The resolver of the system, in a view of it that only the program has, never answers."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return Finding(None, "not tried: needs root and unshare")
    config = servers.folder / "resolv.conf"
    config.write_text(f"nameserver {RESOLVER}\noptions timeout:30 attempts:2\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    own = {"aria2c": [f"--async-dns-server={RESOLVER}"]}
    wish = Wish(("http://hangs.example/x.bin",), more=own)
    with silent_resolver(RESOLVER):
        program = attempt.start(wish, before=["unshare", "-m", "sh", "-c", script, str(config)])
        time.sleep(5)
        if program.process.poll() is not None:
            return Finding(None, "not tried: the look-up does not hang here")
        began_s = time.monotonic()
        program.signal(signal.SIGINT)
        ended = program.wait(40)
    seconds = time.monotonic() - began_s
    if ended.status in (0, None):
        return Finding(False, f"after {_rough(seconds)}: {ended.how}")
    return Finding(seconds < ENDS_WITHIN_S, f"ends after {_rough(seconds)} ({ended.how})")


RAW = "raw"
CASES = (
    Case("E1", "uvloop is installed", "the file, plain and over TLS", "nginx", e1),
    Case(
        "E2", "a resume is answered with 200 and `Content-Range`", "the file, or refused", RAW, e2
    ),
    Case("E3", "`dl?id=1` is cut, then `dl?id=2` with its `ETag`", "the second file", RAW, e3),
    Case("E4", "`Accept` and `User-Agent` of the user's", "both are sent", RAW, e4),
    Case(
        "E5",
        "5 files of a dead host, then 5 good ones",
        "the good ones within 20 s",
        "nginx",
        e5,
        True,
    ),
    Case("E6", "the host's name is that of a file of the user's", "that file stays", RAW, e6),
    Case("E7", "403 to any `Range`", "the file, also after a cut", "Apache, raw", e7),
    Case("E8", "500 to ranges beyond 8 MiB", "the file in a second run", RAW, e8),
    Case("E9", "503 to 5 % of all requests", "100 files, within twice the time", "nginx", e9, True),
    Case("E10", "the host is away for 25 s", "the file", RAW, e10, True),
    Case("E11", "codings that are none; gzip on `.csv`", "the file, by a rule", "raw, Apache", e11),
    Case("E12", "three bad certificates", "why, in the message; `--cacert`", "nginx", e12),
    Case("E13", "a redirect to `/pub/blogindex/scene.bin`", "the file", "Apache", e13),
    Case(
        "E14",
        "there already, equal size, other date",
        "the new file, with its time",
        "lighttpd",
        e14,
    ),
    Case("E15", "kill -9 on a slow line", "at most 10 s of it again", "nginx", e15, True),
    Case("E16", "a cut body without a length", "said to be unverified", RAW, e16),
    Case("E17", "a login with redirects, netrc and a cookie", "the file", RAW, e17),
    Case("E18", "`-o x.bin`; a list with names and checksums", "both", "lighttpd", e18),
    Case("E19", "`BÜCHER.test`, `faß.test`", "names by IDNA 2008", RAW, e19),
    Case("E20", "two equal `Content-Length` fields", "the file", RAW, e20),
    Case("E21", "a damaged body and its true digest", "refused, whichever header", RAW, e21),
    Case("E22", "400 and 451", "named, not tried again", RAW, e22),
    Case(
        "E23",
        "9 redirects; a page; a first byte after 75 s",
        "all by default",
        "lighttpd, raw",
        e23,
        True,
    ),
    Case("E24", "Ctrl-C while a name is looked up", "ends within 5 s", RAW, e24, True),
)
