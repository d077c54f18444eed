"""Area files made to reach hosts, other files, or more memory than there is. ``make extras``."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asyncdl.config import Aoi, SearchConfig
from asyncdl.errors import ConfigError
from asyncdl.job.choosing import vector_files
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.vector_files import FORMATS, as_geojson

HAS_GDAL = vector_files.has_gdal()
needs_gdal = pytest.mark.skipif(not HAS_GDAL, reason="pyogrio is not installed: make extras")
SECRET = "correct-horse-battery-staple"


class Listener(BaseHTTPRequestHandler):
    """Writes down whatever is asked of it."""

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        self.send_error(404)

    do_HEAD = do_POST = do_CONNECT = do_OPTIONS = do_GET  # noqa: N815 - as the base class asks

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked_of(server: ThreadingHTTPServer) -> list[str]:
    return list(server.asked)  # type: ignore[attr-defined]


GML = """<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2"
 xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:a="URL/ns"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="URL/ns URL/wfs?SERVICE=WFS&amp;REQUEST=DescribeFeatureType">
 <gml:featureMember><a:F><a:g><gml:Polygon><gml:exterior xlink:href="URL/g.gml#1"/></gml:Polygon>
 </a:g></a:F></gml:featureMember></gml:FeatureCollection>"""
VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/vsicurl/URL/x.shp</SrcDataSource>'
    "</OGRVRTLayer></OGRVRTDataSource>"
)
PIPELINE = (
    '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read '
    '/vsicurl/URL/y.shp ! write streamed_dataset --of=stream"}'
)
REACHING = {
    "a.vrt": VRT,
    "a.kml.vrt": f"<!-- <kml> -->{VRT}",
    "a.gdalg.json": PIPELINE,
    "wfs.xml": "<OGRWFSDataSource><URL>URL/wfs</URL></OGRWFSDataSource>",
    "a.gml": GML,
    "a.txt": "WFS:URL/wfs",
    "a.tab": '!table\n!version 300\nOpen Table "/vsicurl/URL/seam.tab" Interactive\n',
}
HARMLESS = {
    "a.kml": (
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><NetworkLink><Link>'
        "<href>URL/n.kml</href></Link></NetworkLink><Placemark><styleUrl>URL/s.kml#a</styleUrl>"
        '<ExtendedData><SchemaData schemaUrl="URL/s"/></ExtendedData><Point><coordinates>1,2'
        "</coordinates></Point></Placemark></Document></kml>"
    ),
    "a.xyz": (
        '\n{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"url": '
        '"URL/q"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}], "links": [{"rel": '
        '"next", "href": "URL/next"}], "exceededTransferLimit": true}'
    ),
    "a.esri": (
        '{"geometryType": "esriGeometryPoint", "exceededTransferLimit": true, "features": '
        '[{"geometry": {"x": 1, "y": 2}, "attributes": {"url": "URL/q?f=json"}}], '
        '"spatialReference": {"wkid": 4326}}'
    ),
}
"""They name hosts, too, and are read without asking these."""


def written(folder: Path, name: str, text: str, server: ThreadingHTTPServer) -> Path:
    path = folder / name
    path.write_text(text.replace("URL", f"http://127.0.0.1:{server.server_port}"))
    return path


@needs_gdal
@pytest.mark.parametrize("name", REACHING)
def test_what_names_another_host_is_refused_and_the_host_not_asked(
    tmp_path: Path, server: ThreadingHTTPServer, name: str
) -> None:
    path = written(tmp_path, name, REACHING[name], server)
    with pytest.raises(ConfigError, match="GDAL cannot read this"):
        as_geojson(path)
    assert asked_of(server) == []


@needs_gdal
@pytest.mark.parametrize("name", HARMLESS)
def test_a_plain_file_that_names_hosts_is_read_without_them(
    tmp_path: Path, server: ThreadingHTTPServer, name: str
) -> None:
    found = as_geojson(written(tmp_path, name, HARMLESS[name], server))
    assert b'"coordinates": [ 1.0, 2.0 ]' in found
    assert asked_of(server) == []


@needs_gdal
def test_without_all_this_the_host_is_asked(tmp_path: Path, server: ThreadingHTTPServer) -> None:
    """Else the tests above would show nothing."""
    path = written(tmp_path, "a.vrt", VRT, server)
    script = f"import pyogrio; pyogrio.list_layers({str(path)!r})"
    subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, timeout=60)
    assert asked_of(server)


@needs_gdal
@pytest.mark.parametrize("file", ["a.sqlite", "a.gpkg"])
def test_a_virtual_table_of_a_database_leads_nowhere(
    tmp_path: Path, server: ThreadingHTTPServer, file: str
) -> None:
    path = tmp_path / file
    pyogrio = pytest.importorskip("pyogrio")
    if file == "a.gpkg":
        pyogrio.raw.write(
            path, [POINT], field_data=[], fields=[], crs="EPSG:4326", geometry_type="Point"
        )
    _add_virtual_table(path, f"/vsicurl/http://127.0.0.1:{server.server_port}/x.shp")
    with pytest.raises(ConfigError):
        as_geojson(path, "vt")
    assert asked_of(server) == []


POINT = bytes.fromhex("0101000000000000000000f03f0000000000000040")


def _add_virtual_table(path: Path, leads_to: str) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA writable_schema = 1")
    sql = f"CREATE VIRTUAL TABLE vt USING VirtualOGR('{leads_to}')"
    database.execute("INSERT INTO sqlite_master VALUES ('table', 'vt', 'vt', 0, ?)", [sql])
    if path.suffix == ".gpkg":
        row = "('vt', 'features', 'vt', '', 0, 0, 0, 1, 1, 4326)"
        database.execute(f"INSERT INTO gpkg_contents VALUES {row}")
        database.execute(
            "INSERT INTO gpkg_geometry_columns VALUES ('vt', 'geom', 'POINT', 4326, 0, 0)"
        )
    database.commit()
    database.close()


@needs_gdal
def test_a_zip_that_holds_a_virtual_file_is_refused(
    tmp_path: Path, server: ThreadingHTTPServer
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        url = f"http://127.0.0.1:{server.server_port}"
        archive.writestr("a.vrt", VRT.replace("URL", url))
        archive.writestr("../../b.shp", b"")
    with pytest.raises(ConfigError, match="GDAL cannot read this"):
        as_geojson(path)
    assert asked_of(server) == []


@needs_gdal
@pytest.mark.parametrize(
    "name",
    ["/vsicurl/http://127.0.0.1:1/a.shp", "/vsizip//etc/a.zip", "/VSIs3/b/a.shp", "PG:dbname=x",
     "http://127.0.0.1:1/a.zip", "zip+http://127.0.0.1:1/a.zip", "WFS:http://127.0.0.1:1"],
)  # fmt: skip
def test_names_that_are_no_files_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is a virtual file of GDAL|is not a regular file"):
        as_geojson(Path(name))
    with pytest.raises(ConfigError):
        area_of(SearchConfig(dataset="x", limit=1, aoi=Aoi(name)))


@needs_gdal
def test_gdal_says_nothing_of_what_stands_in_a_file(tmp_path: Path) -> None:
    for name in ("a.csv", "a.kml", "a.shp"):
        (tmp_path / name).write_text(f"{SECRET}\n<kml>{SECRET}&{SECRET};</kml>")
        with pytest.raises(ConfigError) as caught:
            as_geojson(tmp_path / name)
        assert SECRET not in repr(caught.value) + str(caught.value)


@needs_gdal
def test_a_file_of_more_than_a_gibibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    with path.open("wb") as file:
        file.truncate(vector_files.MAX_FILE_BYTES + 1)  # which takes no room on the disk
    with pytest.raises(ConfigError, match=r"is longer than 1,073,741,824 bytes"):
        as_geojson(path)


@needs_gdal
def test_a_folder_of_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_files, "MAX_FILES", 3)
    for number in range(5):
        (tmp_path / f"{number}.dbf").touch()
    with pytest.raises(ConfigError, match=r"has more than 3 files"):
        as_geojson(tmp_path)


@needs_gdal
def test_a_process_that_crashes_or_hangs_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.kml").touch()
    vector_files._other_drivers()
    script = tmp_path / "child.py"
    monkeypatch.setattr(vector_files, "_SCRIPT", script)
    script.write_text("import os; os.abort()")
    with pytest.raises(ConfigError, match="GDAL crashed when it read this"):
        as_geojson(tmp_path / "a.kml")
    script.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(vector_files, "TIMEOUT_S", 0.2)
    with pytest.raises(ConfigError, match="takes GDAL longer than"):
        as_geojson(tmp_path / "a.kml")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(ConfigError, match=r"no-python did not start") as caught:
        as_geojson(tmp_path / "a.kml")
    assert caught.value.file == tmp_path / "a.kml"


@needs_gdal
@pytest.mark.skipif(sys.platform != "linux", reason="others do not bound a process so")
def test_what_takes_more_memory_than_an_area_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.geojson", '{"x": "' + "x" * 50_000_000 + '"}')
    assert path.stat().st_size < 10**6
    monkeypatch.setattr(vector_files, "MEMORY_BYTES", 32 * 1024**2)
    with pytest.raises(ConfigError, match=r"memory|GDAL cannot read|crashed"):
        as_geojson(path)


@needs_gdal
def test_no_token_is_in_the_environment_of_gdal() -> None:
    given = {"ASYNCDL_TOKEN": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "PATH": "/bin"}
    assert SECRET not in str(vector_files._environment(given | {"GDAL_HTTP_HEADERS": SECRET}))


@needs_gdal
def test_each_driver_on_the_list_is_one_of_a_plain_format() -> None:
    reaching = {"OGR_VRT", "GDALG", "WFS", "OAPIF", "HTTP", "CSW", "PostgreSQL", "MySQL", "ADBC"}
    reaching |= {"GML", "SQLite", "MapInfo File", "CSV", "MEM", "OGCAPI", "Elasticsearch"}
    assert not reaching & vector_files.DRIVERS
    assert reaching & set(vector_files._other_drivers())
    assert "zipped" in FORMATS
