"""What the gateway says of itself: `openapi.json`, `asyncapi.json`, `docs`. Nothing comes from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any, Final

from exchange.services.gateway.calls import Answer, Call, Route, Scope
from exchange.services.gateway.openapi import document
from exchange.services.gateway.routes import ROUTES
from exchange.services.gateway.streams_page import document as streams_document

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem}
html{color-scheme:light dark}
h2{margin-top:2.5rem;border-bottom:1px solid #8884}code,pre{font:14px/1.45 ui-monospace,monospace}
details{border:1px solid #8884;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}summary{cursor:pointer}
summary b{display:inline-block;min-width:4.5rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top;border-bottom:1px solid #8883}
.scope{float:right;opacity:.7}pre{overflow:auto}
"""
_POLICY: Final = b"default-src 'none'; style-src 'unsafe-inline'"


def pages() -> tuple[Route, ...]:
    """The routes of these pages."""
    described = document(ROUTES)
    text = json.dumps(described, separators=(",", ":")).encode("utf-8")
    streams = json.dumps(streams_document(), separators=(",", ":")).encode("utf-8")
    page = _page(described).encode("utf-8")

    async def openapi(_call: Call) -> Answer:
        return Answer(text)

    async def asyncapi(_call: Call) -> Answer:
        return Answer(streams)

    async def docs(_call: Call) -> Answer:
        return Answer(
            page, headers=((b"content-security-policy", _POLICY),), media=b"text/html; charset=utf-8"
        )

    common: dict[str, Any] = {"method": "GET", "scope": Scope.PUBLIC, "answers": dict}
    return (
        Route(path="/openapi.json", handler=openapi, does="This API as OpenAPI 3.1", **common),
        Route(path="/asyncapi.json", handler=asyncapi, does="The streams as AsyncAPI 3.0", **common),
        Route(path="/docs", handler=docs, does="The same, to be read", **common),
    )


def _page(described: dict[str, Any]) -> str:
    title = _safe(described["info"]["title"])
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title>"
    parts = [f"<!doctype html><html lang=en>{head}<style>{_STYLE}</style><h1>{title}</h1>"]
    parts += [f"<p>{_safe(line)}</p>" for line in described["info"]["description"].split("\n\n")]
    parts.append('<p>For programs: <a href="openapi.json">openapi.json</a></p>')
    for tag in described["tags"]:
        parts.append(f"<h2>{_safe(tag['name'])}</h2>")
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if operation["tags"] == [tag["name"]]:
                    parts.append(_operation(path, method, operation))
    parts.append("<h2>Types</h2>")
    for name, schema in described["components"]["schemas"].items():
        parts.append(f"<details id={_safe(name)}><summary><b>{_safe(name)}</b> ")
        parts.append(f"{_safe(schema.get('description', ''))}</summary>{_fields(schema)}</details>")
    return "".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = [
        (each["name"], _kind(each["schema"]), "needed" if each.get("required") else "", each["in"])
        for each in operation.get("parameters", ())
    ]
    body = operation.get("requestBody")
    if body:
        rows.append(("body", _kind(body["content"]["application/json"]["schema"]), "needed", "body"))
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        rows.append((status, _kind(content["schema"]) if content else "", "", "answer"))
    return (
        f"<details><summary><b>{method.upper()}</b><code>{_safe(path)}</code> {_safe(operation['summary'])}"
        f"<span class=scope>{_safe(operation['x-scope'])}, weight {operation['x-weight']}</span></summary>"
        f"{_table(('name', 'type', '', 'in'), rows)}</details>"
    )


def _fields(schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        (name, _kind(kind), "needed" if name in needed else "")
        for name, kind in schema.get("properties", {}).items()
    ]
    return _table(("field", "type", ""), rows)


def _kind(schema: dict[str, Any]) -> str:
    """A type in a few words, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{_safe(name)}">{_safe(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(_safe(str(each)) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return _safe(str(schema.get("format", schema.get("type", "anything"))))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """All but the types is text; those are HTML already."""
    lines = "".join(
        "<tr>" + "".join(f"<td>{cell if place == 1 else _safe(cell)}" for place, cell in enumerate(row))
        for row in rows
    )
    return f"<table><tr>{''.join(f'<th>{each}' for each in head)}{lines}</table>"


def _safe(text: str) -> str:
    return html.escape(text)
