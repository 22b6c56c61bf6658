"""The trading screen's files: what is in them, how large they are, how they are served."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exchange.services.gateway.static import assets, screens
from tests.web.scripted import served

WEB = Path(__file__).parents[2] / "python" / "exchange" / "web"
UNITS = Path(__file__).parent / "units"
BYTES_MAX = 300_000


def test_vendored_files_are_those_of_their_versions() -> None:
    """Each has its digest and its licence in the list, and nothing else is there."""
    vendor = WEB / "vendor"
    libraries = json.loads((vendor / "vendor.json").read_text())["libraries"]
    told = {name: digest for each in libraries for name, digest in each["files"].items()}
    there = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "vendor.json"
    }
    assert told == there
    for each in libraries:
        assert any(name.endswith("LICENSE") for name in each["files"])
        assert set(each) == {"name", "version", "licence", "source", "files"}


def test_page_and_libraries_are_small() -> None:
    """Below 300 kB as they are sent."""
    sent = [served(route.path, accept_encoding="gzip, br") for route in screens()]
    size = sum(len(each.body) for each in sent)
    print(f"{size:,} bytes")
    assert size < BYTES_MAX
    assert len(assets()) > 20


def test_nothing_comes_from_elsewhere() -> None:
    """No address of another host is loaded, and nothing is evaluated."""
    page = served("/").body.decode()
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', page) == ['href="https://www.tradingview.com/"']
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', served("/operator").body.decode()) == []
    for name, content in assets().items():
        if not name.startswith("vendor/"):
            text = content.decode()
            assert not re.search(
                r"\beval\(|new Function|innerHTML|https?://(?!www\.tradingview|www\.w3\.org)", text
            ), name
    for each in (page, served("/operator").body.decode()):
        assert "<style" not in each
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", each)


def test_every_import_is_of_a_file_that_is_there() -> None:
    """And each file is asked for by a page: none by way of another one, and none of the other page's."""
    found = assets()
    pages = served("/").body.decode() + served("/operator").body.decode()
    named: set[str] = set(re.findall(r"/assets/\w+/([\w./-]+)", pages))
    scripts = {name for name in found if name.endswith(".js")}
    for name in scripts:
        for target in re.findall(r'(?:from|import)\s*"(\.[^"]+)"', found[name].decode()):
            path = (WEB / name).parent.joinpath(target).resolve().relative_to(WEB.resolve()).as_posix()
            assert path in found, f"{name} imports {target}"
    assert scripts <= named
    assert "/operator/" not in served("/").body.decode()
    assert "lightweight-charts" not in served("/operator").body.decode()


def test_files_are_kept_for_ever_and_the_page_is_asked_for_each_time() -> None:
    """By paths made of the content; compressed for who takes that; 304 where it is the same."""
    page = served("/")
    headers = dict(page.headers)
    assert (page.cache, page.media) == (b"no-cache", b"text/html; charset=utf-8")
    assert headers[b"x-frame-options"] == b"DENY"
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    again = served("/", if_none_match=headers[b"etag"].decode())
    assert (again.status, again.body) == (304, b"")
    assert served("/trade").body == page.body

    (path,) = (route.path for route in screens() if route.path.endswith("/screen/main.js"))
    script = served(path)
    assert script.cache == b"public, max-age=31536000, immutable"
    packed = served(path.replace("main.js", "app.js"), accept_encoding="gzip")
    assert dict(packed.headers)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(packed.body) == assets()["screen/app.js"]
    assert dict(packed.headers)[b"vary"] == b"accept-encoding"


def test_no_path_leads_out_of_the_package() -> None:
    """Only files that are there have a route."""
    assert all(not set(route.path.split("/")) & {"..", "."} for route in screens())
    assert {route.path.split("/", 3)[-1] for route in screens() if route.path.startswith("/assets/")} == set(
        assets()
    )


@pytest.mark.parametrize("file", sorted(UNITS.glob("*.test.mjs")), ids=lambda path: path.name)
def test_units(file: Path) -> None:
    """What needs no browser: decimals, the book's fold, the order that a ticket makes, what it costs."""
    node = shutil.which("node")
    assert node, "no Node.js: apt-get install nodejs"
    done = subprocess.run([node, "--test", file], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert not re.search(r"^# tests 0$", done.stdout, re.MULTILINE)
