"""The files of the trading screen and the operator page: read once, compressed once, served from memory.

Files are below a path that is made of their content, so browsers keep them for ever; the page that names
them is asked for each time, and answered 304 where it is the same. What is no file of the package has no
route: there is no path to walk out of.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from exchange.services.gateway.calls import Answer, Call, Route, Scope

Headers = tuple[tuple[bytes, bytes], ...]

_MEDIA: Final = {
    "css": b"text/css; charset=utf-8",
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = (
    (b"content-security-policy", _POLICY),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)
_FOR_EVER: Final = b"public, max-age=31536000, immutable"
_ASK_AGAIN: Final = b"no-cache"
_IMPORT: Final = re.compile(r'\b(?:from|import)\s*"(\.[^"]+)"')


def assets() -> dict[str, bytes]:
    """The files of these pages by their paths below `exchange/web`, but its pages."""
    return {name: content for name, content in _below(files("exchange") / "web", "") if _kind(name) != "html"}


def screens() -> tuple[Route, ...]:
    """The routes of the trading screen, `/` and `/trade`, of the operator page, and one of each file."""
    found = assets()
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + found[name] + b"\0" for name in sorted(found)))
    place = f"/assets/{digest.hexdigest()[:16]}"
    return (
        _file("/", "The trading screen", _page("index.html", place, found), "html", also=("/trade",)),
        _file("/operator", "The operator page", _page("operator.html", place, found), "html"),
        *(
            _file(f"{place}/{name}", f"A file of these: {name}", found[name], _kind(name))
            for name in sorted(found)
        ),
    )


def _page(name: str, place: str, found: Mapping[str, bytes]) -> bytes:
    """A page that names its files, and all modules that these import: they are asked for at once."""
    text = (files("exchange") / "web" / name).read_text("utf-8")
    wanted = re.findall(r'type="module" src="{assets}/([^"]+)"', text)
    modules: set[str] = set()
    while wanted:
        module = wanted.pop()
        if module not in modules:
            modules.add(module)
            folder = module.rpartition("/")[0]
            wanted += [
                posixpath.normpath(f"{folder}/{each}") for each in _IMPORT.findall(found[module].decode())
            ]
    preload = "\n".join(f'<link rel="modulepreload" href="{place}/{each}">' for each in sorted(modules))
    return text.replace("{preload}", preload).replace("{assets}", place).encode("utf-8")


def _file(path: str, does: str, content: bytes, kind: str, also: tuple[str, ...] = ()) -> Route:
    """A route of one file; compressed where that is smaller and the browser takes it."""
    packed = gzip.compress(content, 9, mtime=0)
    etag = b'"%b"' % hashlib.sha256(content).hexdigest()[:32].encode("ascii")
    page = kind == "html"
    common: Headers = ((b"etag", etag), (b"vary", b"accept-encoding"), *(_PAGE if page else ()))
    cache = _ASK_AGAIN if page else _FOR_EVER

    async def serve(call: Call) -> Answer:
        if etag in (each.strip() for each in call.headers.get(b"if-none-match", b"").split(b",")):
            return Answer(b"", 304, common, _MEDIA[kind], cache)
        if b"gzip" in call.headers.get(b"accept-encoding", b"") and len(packed) < len(content):
            return Answer(packed, 200, ((b"content-encoding", b"gzip"), *common), _MEDIA[kind], cache)
        return Answer(content, 200, common, _MEDIA[kind], cache)

    return Route(
        method="GET", path=path, handler=serve, scope=Scope.PUBLIC, does=does, answers=bytes, also=also
    )


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        name = f"{path}{each.name}"
        if each.is_dir():
            yield from _below(each, f"{name}/")
        elif _kind(name) in _MEDIA:
            yield name, each.read_bytes()


def _kind(name: str) -> str:
    return name.rpartition(".")[2]
