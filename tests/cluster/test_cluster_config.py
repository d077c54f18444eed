"""``[cluster]`` and its options: what goes together, and what happens without the extra."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import click
import pytest

from asyncdl import ConfigError, parse_config
from asyncdl.cli.service_access import with_cluster
from asyncdl.config import Config

RAW: dict[str, Any] = {
    "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
    "products": [{"kind": "bands", "bands": ["red"]}],
}


def config_with(**cluster: Any) -> Config:
    return parse_config({**RAW, "cluster": cluster})


def test_by_default_there_is_no_cluster() -> None:
    assert parse_config(RAW).cluster.engine is None


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ({"scheduler": "tcp://h:1"}, "scheduler.*has no effect without an engine"),
        ({"workers": 2}, "workers.*has no effect without an engine"),
        ({"engine": "ray"}, '(?s)engine.*allowed: "dask"'),
        ({"engine": "dask", "workers": 2, "scheduler": "tcp://h:1"}, "either scheduler or workers"),
        ({"engine": "dask", "scheduler": "10.0.0.1:8786"}, "an address with its scheme"),
        ({"engine": "dask", "lease": 0.5}, "1 second or more"),
        ({"engine": "dask", "workers": 0}, "1 to 256"),
    ],
)
def test_what_does_not_go_together_is_named(cluster: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_with(**cluster)


def test_the_workers_of_a_cluster_may_place_files_in_a_store() -> None:
    raw = {**RAW, "download": {"directory": "s3://bucket/x"}, "cluster": {"engine": "dask"}}
    config = parse_config(raw, base=Path("/jobs"))
    assert str(config.store_address) == "s3://bucket/x"


def test_a_config_of_others_may_not_name_other_machines(tmp_path: Path) -> None:
    raw = {**RAW, "cluster": {"engine": "dask", "scheduler": "tcp://10.0.0.1:8786"}}
    with pytest.raises(ConfigError, match="only for the operator"):
        parse_config(raw, trusted=False, root=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is not None, reason="distributed is installed"
)
def test_without_the_extra_a_run_says_how_to_get_it(tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text('[search]\nscenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]\n'
                      '[[products]]\nkind = "bands"\nbands = ["red"]\n')  # fmt: skip
    command = [sys.executable, "-m", "asyncdl", "run", str(config), "--sandbox", "--engine", "dask"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert "cluster.engine = 'dask': needs the package distributed" in done.stderr
    assert '".[dask]"' in done.stderr


def test_without_a_cluster_none_of_it_is_imported() -> None:
    code = (
        "import sys, asyncdl.job.job, asyncdl.cli.run\n"
        "print([m for m in sys.modules if m.startswith(('asyncdl.cluster', 'distributed'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scheduler", "tcp://h:1"), "--scheduler has no effect without an engine"),
        (("--engine", "dask", "--scheduler", "h:1"), "--scheduler is not the address"),
    ],
)
def test_options_that_contradict_each_other_or_the_config_are_named(
    options: tuple[str, ...], message: str
) -> None:
    raw = {**RAW, "download": {"directory": "data"}}
    given = dict(zip(options[::2], options[1::2], strict=True))
    engine: Literal["dask"] | None = "dask" if "--engine" in given else None
    with pytest.raises(click.UsageError, match=message):
        with_cluster(parse_config(raw), engine, given.get("--scheduler"))
