"""The API as OpenAPI 3.1, made of the table of routes and its types.

``python -m exchange.services.gateway.openapi [--check]`` keeps docs/openapi.json.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from exchange.client.rest.models import DecimalText, NoQuery, Problem
from exchange.errors import GatewayFault
from exchange.observability.health import distribution_version
from exchange.schema.products import make
from exchange.security.api_keys import SCOPES
from exchange.security.signing import KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from exchange.services.gateway.browsers import COOKIE
from exchange.services.gateway.calls import Route, Scope
from exchange.services.gateway.routes import ROUTES

_REF: Final = "#/components/schemas/{name}"
_DESCRIPTION: Final = """Orders, accounts and market data of one exchange.

A request is signed, unless its route is public, by four headers: x-api-key, x-api-timestamp (ms since \
1970), x-api-nonce (never twice) and x-api-signature, which is the HMAC-SHA256 or Ed25519 signature, in \
hexadecimal, of timestamp, nonce, method, path with query, and the SHA-256 of the body in hexadecimal, \
joined by line feeds. Or it has the token of a session, as a Bearer token or as a cookie; by a cookie a \
write needs an Origin of the gateway's own. Or a JWT.

Decimals are strings, times RFC 3339 with nanoseconds, ids of 64 bits strings of digits. Unknown fields and \
parameters are refused. A request that is sent again with the same clientOrderId, or Idempotency-Key, is \
executed once and answered as the first time, with duplicate set.

Every error has one body, the Problem. Its code is of one of the tables of the documentation: 1xxx to 4xxx \
are rejects of the exchange, 8xxx of keys, 9xxx of the gateway. Where transient is true the same may succeed \
later."""
_ERRORS: Final = {
    "400": "The request cannot be read",
    "401": "Nobody is known to have sent it",
    "403": "Who asks may not do this, or a switch is off",
    "404": "There is no such thing for who asks",
    "408": "It did not come in time",
    "409": "It contradicts what is there",
    "422": "The exchange refuses it",
    "429": "A budget is used up; see Retry-After",
    "431": "Its head is too large",
    "500": "An accident of the gateway",
    "503": "Not now; see Retry-After",
    "504": "Nobody knows whether it was done: ask again with the same id",
}


def kind_of(kind: type) -> dict[str, Any]:
    """The schema of a type that msgspec does not know."""
    if kind is DecimalText:
        return {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    raise TypeError(kind)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document."""
    table = list(routes)
    types = [Problem, *dict.fromkeys(each for route in table for each in (route.body, route.answers) if each)]
    _, schemas = msgspec.json.schema_components(types, schema_hook=kind_of, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        for path in (route.path, *route.also):
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, path)
    headers = (KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The exchange for programs",
            "version": distribution_version(),
            "description": _DESCRIPTION,
        },
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in table)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                **{name: {"type": "apiKey", "in": "header", "name": name} for name in headers},
                "token": {"type": "http", "scheme": "bearer", "description": "Of a session, or a JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
        "x-faults": {str(int(fault)): f"{fault.name}: {fault.meaning}" for fault in GatewayFault},
    }


def _operation(route: Route, path: str) -> dict[str, Any]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    operation: dict[str, Any] = {
        "operationId": _operation_id(route, path),
        "summary": route.does,
        "tags": [route.tag],
        "x-scope": str(route.scope),
        "x-weight": route.weight,
        "security": _security(route.scope),
        "parameters": named + _parameters(route) + _keys(route),
        "responses": {
            str(route.status): {
                "description": _first_line(route.answers),
                "content": {"application/json": {"schema": _reference(route.answers)}},
            },
            **{status: _problem(text) for status, text in _ERRORS.items()},
        },
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(route.body)}},
        }
        operation["responses"] |= {"413": _problem("The body is too large"), "415": _problem("It is no JSON")}
    if route.sunset is not None:
        operation["deprecated"] = True
    return operation


_SIGNED: Final[dict[str, list[str]]] = {
    name: [] for name in (KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
}


def _security(scope: Scope) -> list[dict[str, list[str]]]:
    """By which of them a route may be asked: keys have scopes of their own alone."""
    if scope is Scope.PUBLIC:
        return []
    session: list[dict[str, list[str]]] = [{"token": []}, {"cookie": []}]
    return [_SIGNED, *session] if scope in SCOPES else session


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": _reference(Problem)}}}


def _parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is NoQuery:
        return []
    (_,), schemas = msgspec.json.schema_components([route.query], schema_hook=kind_of, ref_template=_REF)
    schema = schemas[route.query.__name__]
    needed = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": kind}
        for name, kind in schema["properties"].items()
    ]


def _keys(route: Route) -> list[dict[str, Any]]:
    """The header that names a write."""
    if route.method == "GET" or route.scope not in {Scope.TRADE, Scope.TRANSFER}:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
    return [{"name": "Idempotency-Key", "in": "header", "required": route.keyed, "schema": schema}]


def _reference(kind: Any) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _first_line(kind: Any) -> str:
    return (inspect.getdoc(kind) or kind.__name__).splitlines()[0]


def _operation_id(route: Route, path: str) -> str:
    words = re.findall(r"\w+", path)
    return route.method.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes or checks; the exit code."""
    return make(
        "exchange.services.gateway.openapi",
        "The API of the gateway as OpenAPI.",
        lambda: {"docs/openapi.json": json.dumps(document(ROUTES), indent=2) + "\n"},
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
