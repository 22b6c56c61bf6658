"""The gateway over HTTP: its messages, which it uses itself, and clients that sign, retry and page.

with RestClient("http://127.0.0.1:8080", hmac_key("gk-b81581c0e74b778c", secret)) as client:
    order = client.new_order("BTC-USD", "buy", "0.5", "64000.00")
    client.cancel(order.order_id)

`RestClient` waits for its answers, `AsyncRestClient` is awaited; both have the same calls.
"""

from typing import TYPE_CHECKING

from exchange.lazy import lazily

if TYPE_CHECKING:
    from exchange.client.rest.aio import AsyncRestClient
    from exchange.client.rest.budgets import Budget
    from exchange.client.rest.client import RestClient
    from exchange.client.rest.credentials import ApiKeyAuth, BearerAuth, ed25519_key, hmac_key

__all__ = [
    "ApiKeyAuth",
    "AsyncRestClient",
    "BearerAuth",
    "Budget",
    "RestClient",
    "ed25519_key",
    "hmac_key",
]

# The gateway needs the messages alone, and no HTTP client.
__getattr__ = lazily(
    __name__,
    {
        "AsyncRestClient": "aio",
        "Budget": "budgets",
        "RestClient": "client",
        **dict.fromkeys(("ApiKeyAuth", "BearerAuth", "ed25519_key", "hmac_key"), "credentials"),
    },
)
