"""The config: every value checked, every error with its place."""

from __future__ import annotations

import contextlib
import copy
import re
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import (
    DEFAULT_URL,
    BandsProduct,
    ByteCount,
    ByteRate,
    Config,
    Seconds,
    load_config,
    parse_config,
)
from asyncdl.errors import ConfigError
from asyncdl.m2m import m2m_client
from docs import make_configuration

GOOD: dict[str, Any] = {
    "search": {"dataset": "landsat_ot_c2_l2", "bbox": [-151.0, 61.0, -149.0, 61.5]},
    "products": [{"kind": "bands", "bands": ["SR_B4"]}],
}


def with_value(path: str, value: object) -> dict[str, Any]:
    """Return the good config with one value changed; a dotted path leads to it."""
    raw = copy.deepcopy(GOOD)
    place: Any = raw
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in steps:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    place[last] = value
    return raw


def error_of(raw: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, file=Path("job.toml"))
    return caught.value


def test_defaults_are_those_of_the_contract() -> None:
    config = parse_config(GOOD)
    assert config.service.url == DEFAULT_URL == m2m_client.DEFAULT_URL
    assert (config.download.workers, config.download.connections) == ("auto", 16)
    assert (float(config.poll.interval), float(config.poll.deadline)) == (30, 6 * 3600)
    assert config.products == (BandsProduct(bands=("SR_B4",)),)


def test_relative_paths_start_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "aoi.geojson").write_text("{}")
    path = tmp_path / "job.toml"
    path.write_text('[search]\ndataset = "x"\naoi = "aoi.geojson"\n[[products]]\nkind = "bundle"\n')
    config = load_config(path)
    assert config.search.aoi == str(tmp_path / "aoi.geojson")
    assert config.directory == tmp_path / "data"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("serch", {}, "serch: unknown key; did you mean search?"),
        ("download.worker", 3, "download.worker = 3: unknown key; did you mean workers?"),
        (
            "download.workers",
            0,
            'download.workers = 0: has to be 1 or more (allowed: "auto", or 1 to 256)',
        ),
        ("download.workers", "5", "download.workers = '5'"),
        ("download.max_rate", "fast", "download.max_rate = 'fast'"),
        ("download.verify", "md5", '"auto", "size" or "checksum"'),
        ("poll.interval", -1, "poll.interval = -1"),
        ("poll.deadline", "6 parsecs", "unknown unit 'parsecs'"),
        ("service.url", "ftp://x", "service.url = 'ftp://x'"),
        ("search.cloud_cover", [0, 101], "search.cloud_cover[1] = 101"),
        ("search.cloud_cover", [60, 0], "search.cloud_cover = [60, 0]: has its lowest value last"),
        ("search.bbox", [1, 2, 3], "search.bbox = [1, 2, 3]"),
        ("search.bbox", [0, 5, 1, 4], "has its south edge at or above its north edge"),
        ("search.point", [0, 0], "search.point = [0, 0]: clashes with bbox"),
        ("search.start", "2020-3-1", "search.start = '2020-3-1'"),
        ("search.months", [13], "search.months[0] = 13"),
        ("search.wrs", [], "search.wrs = []"),
        ("search.scenes", [], "search.scenes = []"),
        ("search.months", [], "search.months = []"),
        ("search.dataset", "", "search.dataset = ''"),
        ("search.scenes_file", "", "search.scenes_file = ''"),
        ("search.metadata", {"Sensor": ""}, "search.metadata: has no value for 'Sensor'"),
        ("search.metadata", {"Sensor": []}, "search.metadata: has no value for 'Sensor'"),
        ("search.limit", 0, "search.limit = 0"),
        ("search.since", "last run", "search.since = 'last run'"),
        ("search.since", 5, 'allowed: a date, such as 2020-03-01, or "last-run"'),
        ("download.superseded", "delete", '"keep" or "remove"'),
        ("search.scenes", ["LC08"], "search.bbox = [-151.0, 61.0, -149.0, 61.5]: cannot filter"),
        ("download.layout", "{kind}/{flie}", "download.layout = '{kind}/{flie}'"),
        (
            "download.bundle_layout",
            "/x/{file}",
            "is absolute; layouts are relative to the download",
        ),
        ("service.token_file", "none.txt", "service.token_file = 'none.txt': no such file"),
        ("products", [], "products = []"),
        ("products.0.kind", "band", "products[0].kind = 'band'"),
        ("products.0.bands", [], "products[0].bands = []"),
        ("products.0.file_groups", ["x"], "products[0].file_groups = ['x']: unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_file_key_and_value(path: str, value: object, told: str) -> None:
    message = str(error_of(with_value(path, value)))
    assert message.startswith("job.toml: ")
    assert told in message


DAY = "(allowed: a date, such as 2020-03-01)"
ALIAS = '(allowed: an alias in quotes, such as "landsat_ot_c2_l2")'
PERCENT = "(allowed: two whole numbers from 0 to 100, such as [0, 60])"
URL = "is not an http or https URL (allowed: an http or https URL, such as https://"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("search.cloud_cover", 60, f"= 60: is a whole number, not a list {PERCENT}"),
        ("search.cloud_cover", [60], f"= [60]: has 1 value, not 2 {PERCENT}"),
        ("search.cloud_cover", [0, 60.5], f"[1] = 60.5: is a number, not a whole number {PERCENT}"),
        ("search.cloud_cover", [-1, 60], f"[0] = -1: has to be 0 or more {PERCENT}"),
        ("search.bbox", [1, 2, 3, 99], "[3] = 99: has to be 90 or less (allowed: [west, south,"),
        ("search.start", 2020, f"= 2020: is a whole number, not a date {DAY}"),
        ("search.start", "2020-3-1", f"= '2020-3-1': is not a date {DAY}"),
        ("search.start", datetime(2020, 3, 1, 5), f": is a date with a time, not a date {DAY}"),
        ("search.since", "last run", ': is neither a date nor the last run; did you mean "last-ru'),
        ("search.dataset", 5, f"= 5: is a whole number, not text in quotes {ALIAS}"),
        ("search.dataset", "", f"= '': is empty {ALIAS}"),
        ("search.dataset", ["x"], f"= ['x']: is a list, not text in quotes {ALIAS}"),
        ("search.wrs", [], "= []: is empty (allowed: [[path, row], …], such as [[68, 17]]"),
        ("search.wrs", [68, 17], "[0] = 68: is a whole number, not a list"),
        ("search", [], "search = []: is a list, not a table (allowed: a table [search])"),
        ("products", {"kind": "bundle"}, "products: is a table, not a list (allowed: at least one"),
        ("products.0.kind", "band", 'is not a valid value; did you mean "bands"?'),
        ("products.0.kind", 5, '(allowed: "bands", "bundle", "band_group")'),
        ("products.0.bands", "red", "= 'red': is text, not a list (allowed: a list such as"),
        ("products.0.bands", [4], "bands[0] = 4: is a whole number, not text in quotes"),
        (
            "download.verify",
            "md5",
            '= \'md5\': is not a valid value (allowed: "auto", "size"',
        ),
        (
            "download.verify",
            "checksums",
            'not a valid value; did you mean "checksum"? (allowed: "auto",',
        ),
        ("download.workers", "5", "= '5': is not a valid value (allowed: \"auto\", or 1 to 256)"),
        ("download.workers", True, "workers = true: is true or false, not a whole number"),
        ("download.workers", 300, '= 300: has to be 256 or less (allowed: "auto", or 1 to 256)'),
        (
            "download.stac",
            "yes",
            "= 'yes': is not a valid value (allowed: true, false or \"absolute\")",
        ),
        ("download.durable", "yes", "= 'yes': is text, not true or false (allowed: true or false)"),
        ("service.username", 5, "is a whole number, not text in quotes (allowed: text in quotes)"),
        ("service.url", "m2m.cr.usgs.gov", f"service.url = 'm2m.cr.usgs.gov': {URL}"),
        ("service.url", "https://", URL),
        ("service.url", "https://host:port/", URL),
        ("service.url", "https://a b/", URL),
        ("service.stac_url", "foo", f"service.stac_url = 'foo': {URL}"),
        ("service.scene_list_ttl", "1 day", "does not have the required form (allowed: such as"),
    ],
)
def test_a_value_of_another_kind_is_told_in_plain_words(
    path: str, value: object, told: str
) -> None:
    message = str(error_of(with_value(path, value)))
    assert told in message
    assert not re.search("`|null|RFC|regex|enum|isoformat", message)


@pytest.mark.parametrize("value", ["", " ", 5, ["x"], date(2020, 3, 1)])
def test_what_is_no_area_is_told_with_what_is_one(value: object) -> None:
    message = str(error_of(with_path("search.aoi", value)))
    assert re.search(
        r": search\.aoi( = .*)?: is (empty|not an area of interest) \(allowed: a Geo", message
    )


def test_no_stac_service_is_a_choice() -> None:
    assert parse_config(with_value("service.stac_url", "")).service.digest_url == ""


@pytest.mark.parametrize(
    ("bundle", "layout", "told"),
    [
        (
            {"extract": True},
            "{product_id}/{file}",
            "download.layout = '{product_id}/{file}': gives",
        ),
        (
            {"keep_tar": True},
            "{kind}/{file}",
            "products[1].keep_tar = true: has no effect without extract",
        ),
        ({"members": ["red"]}, "{kind}/{file}", "products[1].members = ['red']: has no effect"),
    ],
)
def test_settings_that_contradict_each_other_are_told(
    bundle: dict[str, object], layout: str, told: str
) -> None:
    products = [{"kind": "bands", "bands": ["red"]}, {"kind": "bundle", **bundle}]
    raw = {**GOOD, "products": products, "download": {"layout": layout}}
    assert told in str(error_of(raw))


@pytest.mark.parametrize("key", ["token", "api_key", "password", "app_token"])
def test_a_secret_in_the_config_is_refused_and_not_repeated(key: str) -> None:
    error = error_of(with_value(f"service.{key}", "s3cret"))
    assert "s3cret" not in f"{error} {error!r}"
    assert "ASYNCDL_TOKEN" in str(error)


def test_a_search_without_any_limit_is_refused() -> None:
    error = error_of({"search": {"dataset": "x"}, "products": GOOD["products"]})
    assert "whole archive" in str(error)


@pytest.mark.parametrize("empty", [{"wrs": []}, {"months": []}, {"metadata": {}}, {"scenes": []}])
def test_an_empty_value_bounds_no_search(empty: dict[str, object]) -> None:
    """Else what was left open by mistake would take the whole archive."""
    error_of({"search": {"dataset": "x", **empty}, "products": GOOD["products"]})


def test_since_is_a_day_or_the_last_run() -> None:
    day = date(2026, 3, 1)
    for value in (day, "2026-03-01"):
        search = parse_config(with_value("search.since", value)).search
        assert search.since is not None and search.since.day == day
        assert not search.follows_last_run
    assert parse_config(with_value("search.since", "last-run")).search.follows_last_run


def test_the_last_run_bounds_no_first_one() -> None:
    """Else a search of the whole archive would pass for a narrow one, or a limit cut for ever."""
    raw = {"search": {"dataset": "x", "since": "last-run"}, "products": GOOD["products"]}
    assert "whole archive" in str(error_of(raw))
    raw = with_value("search.since", "last-run")
    raw["search"]["limit"] = 5
    assert "clashes with since" in str(error_of(raw))


def test_ids_need_no_dataset() -> None:
    config = parse_config({"search": {"scenes": ["LC08"]}, "products": GOOD["products"]})
    assert config.search.is_by_id


PATHS = ["download.directory", "service.token_file", "search.scenes_file", "search.aoi"]


def with_path(key: str, text: object) -> dict[str, Any]:
    raw = with_value(key, text)
    if key.startswith("search."):
        del raw["search"]["bbox"]
        if key == "search.scenes_file":
            del raw["search"]["dataset"]
    return raw


@pytest.mark.parametrize("key", PATHS)
def test_what_no_file_can_be_called_is_a_config_error(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"{key} = 'a\\x00b': has a NUL in it" in str(error_of(with_path(key, "a\0b")))
    assert "no such home folder" in str(error_of(with_path(key, "~nobody-of-this-name/x")))
    if key != "download.directory":  # which need not be there yet
        assert "too long" in str(error_of(with_path(key, "x" * 5000)))

    def encode(text: str) -> bytes:
        return text.encode("ascii")

    monkeypatch.setattr("os.fsencode", encode)
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    told = str(error_of(with_path(key, "dä")))
    assert f"{key} = 'dä': file names are in ascii here" in told and "LC_ALL" in told
    assert "ascii" in str(error_of(with_path("download.layout", "ä/{file}")))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        parse_config(with_path("search.scenes_file", "."), base=tmp_path)


@pytest.mark.parametrize("missing", ["search", "products"])
def test_a_missing_table_is_named(missing: str) -> None:
    raw = {key: value for key, value in GOOD.items() if key != missing}
    assert str(error_of(raw)).startswith(f"job.toml: {missing}: is missing")


def test_a_file_that_is_no_toml_or_not_there_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    with pytest.raises(ConfigError, match="No such file"):
        load_config(path)
    path.write_text("[search")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(path)
    path.write_bytes(b"\xff\xfe\x00")  # the mark of UTF-16, and half a letter
    with pytest.raises(ConfigError, match="is not UTF-16-LE text"):
        load_config(path)


def test_a_mark_at_the_beginning_of_a_file_is_no_error(tmp_path: Path) -> None:
    """Some editors put one there."""
    path = tmp_path / "job.toml"
    path.write_text(
        '[search]\ndataset = "x"\nlimit = 1\n[[products]]\nkind = "bundle"\n', encoding="utf-8-sig"
    )
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert load_config(path).search.limit == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("6h", 21600), ("1h30m", 5400), ("250 ms", 0.25), ("12", 12), ("1.5 d", 129600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert Seconds.read(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("8 MiB", 8 << 20),
        ("50 MB", 50_000_000),
        ("7", 7),
        ("1.5kB", 1500),
        ("1M", 1 << 20),
        ("100k", 102_400),
        ("1.5G", 3 << 29),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert ByteCount.read(text) == count
    assert ByteRate.read(f"{text}/s") == count


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_a_duration_is_read_or_refused_and_nothing_else(value: object) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= Seconds.read(value) < float("inf")


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
    st.sampled_from(
        ["search", "products", "download", "search.wrs", "search.bbox", "products.0", "poll.x"]
    ),
)
def test_whatever_stands_there_is_a_config_or_a_config_error(value: object, path: str) -> None:
    try:
        assert isinstance(parse_config(with_value(path, value)), Config)
    except ConfigError as error:
        assert str(error)


def test_the_configuration_page_is_up_to_date() -> None:
    assert make_configuration.PAGE.read_text(encoding="utf-8") == make_configuration.page()


def test_the_example_is_a_good_config() -> None:
    example = Path(__file__).parents[2] / "examples" / "anchorage.toml"
    assert load_config(example).search.dataset == "landsat_ot_c2_l2"
    assert tomllib.loads(example.read_text())
