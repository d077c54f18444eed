"""Configs and lists of others: what they name is not read, asked, echoed or posted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncdl.config import Config, SearchConfig, load_config, parse_config
from asyncdl.config.sections import (
    DEFAULT_URL,
    ArchiveConfig,
    ClusterConfig,
    DownloadConfig,
    PollConfig,
    Product,
    ServiceConfig,
    StoreConfig,
)
from asyncdl.config.trust import BOUNDS, REACH, USGS_ORIGINS, Reach, leads_out, origin_of
from asyncdl.errors import ConfigError, MisuseError
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.id_forms import NoSceneId, read_scene
from asyncdl.job.choosing.search_plan import ids_of
from asyncdl.lists.checksums import read_checksums
from asyncdl.lists.entries import EntryReader, Problem
from asyncdl.m2m.account.credentials import read_token_file

ID = "LC08_L2SP_068017_20200310_20200822_02_T1"
SECRET = "correct-horse-battery-staple"
PASSWD = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
SHADOW = "root:$6$Zk3l1kS9$Xx0v/kJ8.Yq1wqv1:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\n"
KEY = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n"
    "-----END PRIVATE KEY-----\n"
)
TOKEN = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1F2\n"
TABLE = f"dataset,user,password\nx,root,{SECRET}\n"
FOREIGN_FILES = {
    "passwd": PASSWD,
    "shadow": SHADOW,
    "id_rsa": KEY,
    "token": TOKEN,
    "table.csv": TABLE,
    "config.json": f'{{"auths": {{"host": {{"auth": "{SECRET}"}}}}, "type": "service_account:1"}}',
    "items.json": f'[{{"id": "{SECRET}", "collection": "{SECRET} x"}}, "{SECRET}", 7]',
    "credentials.toml": f'[registry]\ntoken = "{SECRET}"\nkey = "{SECRET}"\n',
    "broken.toml": f"[{SECRET}]\n[{SECRET}]\na = 1\n{SECRET}\n",
    "log": f"2024-01-01 login {SECRET} accepted\n",
    "hosts": "127.0.0.1 localhost\n",
}
WORDS = [
    word
    for text in (PASSWD, SHADOW, KEY, TOKEN)
    for word in text.replace(":", " ").split()
    if len(word) > 5
] + [SECRET]


def table(**search: Any) -> dict[str, Any]:
    return {"search": search, "products": [{"kind": "bundle"}]}


def said_of(error: BaseException) -> str:
    cause = said_of(error.__cause__) if error.__cause__ else ""
    return f"{error!s} {error!r} {error.args!r} {cause}"


def nothing_is_said_of(text: str, error: BaseException) -> None:
    shown = said_of(error)
    assert not [word for word in WORDS if word in text and word in shown], shown


# --- what stands in a file that is no list, area, table or config -----------------------------


@pytest.mark.parametrize("dataset", [None, "landsat_ot_c2_l2", "srtm_v3"])
@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_a_list_that_is_none_is_neither_echoed_nor_posted(
    tmp_path: Path, name: str, dataset: str | None
) -> None:
    """``scenes_file = "/etc/passwd"`` was quoted, and posted as ids of a dataset unknown here."""
    path = tmp_path / name
    path.write_text(FOREIGN_FILES[name])
    with pytest.raises(ConfigError) as refused:
        ids_of(SearchConfig(dataset=dataset, scenes_file=str(path)))
    nothing_is_said_of(FOREIGN_FILES[name], refused.value)


@pytest.mark.parametrize("ending", ["", ".wkt", ".geojson"])
@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_an_area_that_is_none_is_not_echoed(tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"{name}{ending}"
    path.write_text(FOREIGN_FILES[name])
    config = parse_config(table(dataset="landsat_ot_c2_l2", aoi=str(path)))
    with pytest.raises(ConfigError) as refused:
        area_of(config.search)
    nothing_is_said_of(FOREIGN_FILES[name], refused.value)


@pytest.mark.parametrize(
    "text",
    [
        f"POLYGON ((0 0, {SECRET}",
        f"TOKEN ({SECRET})",
        f'{{"type": "Polygon", "coordinates": ["{SECRET}"]}}',
        f'{{"type": "Polygon", "coordinates": [[["{SECRET}", 1]]]}}',
        f'{{"type": "{SECRET}"}}',
        f'{{"type": "Point", "coordinates": [1, 2], "crs": "{SECRET} x"}}',
        f'{{"type": "Point", "crs": {{"type": "name", "properties": {{"name": "{SECRET}"}}}}}}',
        f'{{"a": {SECRET}}}',
    ],
)
def test_an_area_that_is_nearly_one_is_not_echoed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "area"
    path.write_text(text)
    config = parse_config(table(dataset="landsat_ot_c2_l2", aoi=str(path)))
    with pytest.raises(ConfigError) as refused:
        area_of(config.search)
    assert SECRET not in said_of(refused.value) and SECRET.upper() not in said_of(refused.value)


@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_a_config_that_is_none_is_not_echoed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FOREIGN_FILES[name])
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    nothing_is_said_of(FOREIGN_FILES[name].replace("[registry]", ""), refused.value)


@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_a_table_of_checksums_that_is_none_is_not_echoed(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_checksums("SUMS", FOREIGN_FILES[name].splitlines())
    nothing_is_said_of(FOREIGN_FILES[name], refused.value)


@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_a_list_of_urls_that_is_none_is_not_echoed(name: str) -> None:
    problems: list[Problem] = []
    reader = EntryReader("list", problems.append)
    for line in FOREIGN_FILES[name].splitlines():
        reader.take(line)
    nothing_is_said_of(FOREIGN_FILES[name], ConfigError(" ".join(map(str, problems))))
    assert problems


def test_a_token_file_that_is_none_is_not_echoed(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text(PASSWD)
    path.chmod(0o600)
    with pytest.raises(Exception, match="one token") as refused:
        read_token_file(path)
    nothing_is_said_of(PASSWD, refused.value)


def test_what_is_like_an_id_is_quoted_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text(f"{ID}\nLC08_L2SP_068017_2020031\n")
    with pytest.raises(ConfigError, match=r"line 2, 'LC08_L2SP_068017_2020031': looks like"):
        ids_of(SearchConfig(dataset=None, scenes_file=str(path)))


@pytest.mark.parametrize(
    "text",
    ["3014361", "AR4CO77B116N345", "EO1A0010162001148111PP_SGS_01", "SC:AST_L1T.003:2150000000",
     "L1C_T05VPJ_A024604_20200310T213528", "AST_L1T_00303102020213528_20200311",
     "MOD09A1.A2020065.h10v03.006.2020074052455", "SRTM1N61W150V3", "USGS_LPC_AK_2015_LAS_2017"],
)  # fmt: skip
def test_ids_of_other_datasets_are_still_taken(text: str) -> None:
    assert read_scene(text, "other_dataset").id == text


@pytest.mark.parametrize(
    "text",
    [*PASSWD.split("\n")[:2], *SHADOW.split("\n")[:2], TOKEN, "localhost", "a/b1", "x=1", "../1",
     "adm:x:4", "a1" * 100],
)  # fmt: skip
def test_what_is_no_id_of_any_dataset_is_not_posted(text: str) -> None:
    with pytest.raises(NoSceneId):
        read_scene(text, "other_dataset")


# --- configs of others ------------------------------------------------------------------------


def keys_of(kind: type, table: str) -> set[str]:
    return {f"{table}.{field}" for field in kind.__struct_fields__}  # type: ignore[attr-defined]


def test_every_key_of_a_config_has_a_reach() -> None:
    """Whoever adds a key decides what it reaches: a file, a host, a number, or nothing."""
    keys = keys_of(ServiceConfig, "service") | keys_of(SearchConfig, "search")
    keys |= keys_of(DownloadConfig, "download") | keys_of(PollConfig, "poll")
    keys |= keys_of(ClusterConfig, "cluster")
    keys |= keys_of(StoreConfig, "store") | keys_of(ArchiveConfig, "archive")
    for kind in get_args(Product):
        keys |= keys_of(kind, "products") | {"products.kind"}
    assert keys == set(REACH)
    tables = {key.partition(".")[0] for key in keys}
    assert tables == set(Config.__struct_fields__)
    assert {key for key, reach in REACH.items() if reach is Reach.NUMBER} == set(BOUNDS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of one order, with a secret beside it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.wkt").write_text("POINT (1 2)")
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "ids.txt").write_text(ID)
    (folder / "lake.wkt").write_text("POINT (1 2)")
    return folder


def untrusted(raw: dict[str, Any], root: Path, **more: Any) -> Config:
    return parse_config(raw, trusted=False, root=root, **more)


def order(table: str = "", key: str = "", value: object = None) -> dict[str, Any]:
    raw: dict[str, Any] = {"search": {"scenes": [ID]}, "products": [{"kind": "bundle"}]}
    if table == "search":
        raw["search"] = {"dataset": "landsat_ot_c2_l2"} if key == "aoi" else {}
    raw.setdefault(table, {}).update({key: value}) if table else None
    return raw


def test_an_honest_order_is_read_and_its_paths_start_at_the_root(root: Path) -> None:
    config = untrusted(order("search", "scenes_file", "ids.txt"), root)
    assert config.search.scenes_file == str(root / "ids.txt")
    assert config.download.directory == str(root / "data")
    config = untrusted(order("search", "aoi", "lake.wkt"), root)
    assert config.search.aoi == str(root / "lake.wkt")
    assert untrusted(order("download", "directory", str(root / "x")), root).directory == root / "x"
    assert untrusted(order("search", "aoi", "POINT (1 2)"), root).search.aoi == "POINT (1 2)"
    assert untrusted(order(), root).service.url == DEFAULT_URL


PATHS = (
    ("search", "aoi"),
    ("search", "scenes_file"),
    ("download", "directory"),
    ("download", "state_directory"),
)
OUTSIDE = (
    "../secret.txt", "x/../../secret.txt", "/etc/passwd", "/etc/shadow-that-is-not-there", "/",
    "~/.ssh/id_rsa", "~root/x", "$HOME/x", "${HOME}/x", "%USERPROFILE%\\x", "C:\\secret.txt",
    "c:secret.txt", "\\\\server\\share\\x", "//server/share/x", "..\\secret.txt", "/dev/stdin",
    "/dev/fd/0", "/proc/self/environ", "/vsicurl/http://127.0.0.1/x", "link", "link.wkt",
    "folder-link/secret.txt", "folder-link", "circle", "\x01",
)  # fmt: skip


@pytest.fixture
def links(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret.txt")
    (root / "link.wkt").symlink_to("../secret.wkt")
    (root / "folder-link").symlink_to(root.parent)
    (root / "circle").symlink_to("circle")


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(("table", "key"), PATHS)
def test_no_path_leads_out_of_the_root(root: Path, table: str, key: str, path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        untrusted(order(table, key, path), root)
    assert refused.value.key == f"{table}.{key}" and refused.value.allowed
    assert str(root.parent) not in str(refused.value).replace(path, "")
    problem = str(refused.value.problem)
    assert "leads" in problem or (path == "circle" and "Too many" in problem)


@pytest.mark.parametrize("key", ["aoi", "scenes_file"])
def test_whether_a_file_outside_exists_is_not_said(root: Path, key: str) -> None:
    said = []
    for name in ("secret.txt", "nothing.txt"):
        with pytest.raises(ConfigError) as refused:
            untrusted(order("search", key, str(root.parent / name)), root)
        said.append(str(refused.value).replace(name, ""))
    assert said[0] == said[1]


def test_standard_input_is_not_read(root: Path) -> None:
    with pytest.raises(ConfigError, match="standard input"):
        untrusted(order("search", "scenes_file", "-"), root)


@pytest.mark.parametrize("beside", ["a.dbf", "a.prj"])
def test_an_area_has_no_links_beside_it_that_gdal_would_open(root: Path, beside: str) -> None:
    (root / "a.shp").touch()
    (root / beside).symlink_to("/etc/passwd")
    with pytest.raises(ConfigError, match="links beside it"):
        untrusted(order("search", "aoi", "a.shp"), root)
    folder = root / "b.gdb"
    folder.mkdir()
    (folder / "x").symlink_to(root.parent)
    with pytest.raises(ConfigError, match="links beside it or in it"):
        untrusted(order("search", "aoi", "b.gdb"), root)


OTHERS = (
    "https://example.org/", "http://m2m.cr.usgs.gov/", "https://m2m.cr.usgs.gov@example.org/",
    "https://user:x@m2m.cr.usgs.gov/", "https://m2m.cr.usgs.gov:8443/", "http://127.0.0.1:8765/",
    "https://m2m.cr.usgs.gov.example.org/", "https://169.254.169.254/", "http://[::1]/",
    "https://m2m.cr.usgs.gov\u3002example.org/",
)  # fmt: skip


@pytest.mark.parametrize("url", OTHERS)
@pytest.mark.parametrize("key", ["url", "stac_url"])
def test_no_other_host_is_named(root: Path, key: str, url: str) -> None:
    with pytest.raises(ConfigError, match=f"service.{key}") as refused:
        untrusted(order("service", key, url), root)
    assert refused.value.allowed


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("example.org", "https://EXAMPLE.org:443/api/"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765/api/"),
        ("m2m.cr.usgs.gov", DEFAULT_URL),
    ],
)
def test_a_host_of_the_list_is_named(root: Path, host: str, url: str) -> None:
    assert untrusted(order("service", "url", url), root, hosts={host}).service.url == url
    assert untrusted(order("service", "stac_url", ""), root).service.stac_url == ""


@pytest.mark.parametrize("key", [key for key, reach in REACH.items() if reach is Reach.OWN])
def test_nothing_of_the_account_is_set(root: Path, key: str) -> None:
    table, _, name = key.partition(".")
    values: dict[str, object] = {
        "accept_eulas": ["ASTERGDEM"],
        "scheduler": "tcp://h:1",
        "workers": 2,
        "lease": 5,
        "source": "s3",
    }
    values |= STORE_VALUES
    raw = order(table, name, values.get(name, "dask" if name == "engine" else "ids.txt"))
    raw[table] |= {"client_cert": "ids.txt"} if name == "client_key" else {}
    raw[table] |= {"engine": "dask"} if table == "cluster" else {}
    if name == "source":  # there are no bundles at the archive
        raw["products"] = [{"kind": "bands", "bands": ["red"]}]
    with pytest.raises(ConfigError, match="only for the operator") as refused:
        untrusted(raw, root)
    assert refused.value.key.startswith(f"{table}.")


STORE_VALUES: dict[str, object] = {
    "endpoint": "https://s3.example.org",
    "region": "us-west-2",
    "profile": "operator",
    "spool": "1 TiB",
    "uploads": 64,
}


def test_no_store_is_named(root: Path) -> None:
    with pytest.raises(ConfigError, match="names an object store"):
        untrusted(order("download", "directory", "s3://bucket/prefix"), root)


@pytest.mark.parametrize("key", BOUNDS)
def test_numbers_have_bounds(root: Path, key: str) -> None:
    table, _, name = key.partition(".")
    least, most = (int(bound) for bound in BOUNDS[key])
    fields = ServiceConfig() if table == "service" else DownloadConfig()
    default = getattr(PollConfig() if table == "poll" else fields, name)
    assert default in (None, "auto") or least <= default <= most
    for value in {least - 1, most + 1}:
        with pytest.raises(ConfigError) as refused:
            untrusted(order(table, name, value), root)
        assert refused.value.key == key


def test_a_file_is_read_as_tables_are(root: Path, tmp_path: Path) -> None:
    path = root / "job.toml"
    path.write_text(f'[search]\nscenes = ["{ID}"]\n[[products]]\nkind = "bundle"\n')
    assert load_config(path, trusted=False).directory == root / "data"
    other = tmp_path / "other"
    assert load_config(path, trusted=False, root=other).directory == other / "data"
    path.write_text(path.read_text() + '[service]\nurl = "https://example.org/"\n')
    with pytest.raises(ConfigError, match=r"job\.toml: service\.url: names a host"):
        load_config(path, trusted=False)
    config = load_config(path, trusted=False, hosts={"example.org"})
    assert config.service.url == "https://example.org/"


def test_without_a_root_nothing_is_read() -> None:
    with pytest.raises(MisuseError, match="root"):
        parse_config(order(), trusted=False)


def test_the_environment_is_not_looked_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> str:
        raise AssertionError(args)

    monkeypatch.setattr(os.path, "expandvars", fail)
    monkeypatch.setattr(os.path, "expanduser", fail)
    untrusted(order("search", "scenes_file", "ids.txt"), root)


@given(path=st.text(alphabet="ab./~\\$%:-") | st.text())
@example(path="a/..")
@example(path="~")
def test_what_may_be_named_stays_below(path: str) -> None:
    if not leads_out(path) and not path.startswith("/"):
        assert os.path.normpath(f"/root/{path}").startswith("/root")


@given(st.text())
@example("https://[::1")
@example("https://x:99999/")
def test_any_url_has_an_origin_or_none(url: str) -> None:
    found = origin_of(url)
    assert found not in USGS_ORIGINS or "usgs" in url.casefold()
