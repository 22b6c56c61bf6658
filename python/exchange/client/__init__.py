"""The client of the exchange: `Client` waits for answers, `AsyncClient` is awaited, and both say the same.

endpoint = "ipc:///srv/exchange/run/orders.sock"
with Client.connect(endpoint, tenant=1, name="bot", user="ann", account=7) as client:
    client.load_instruments()
    report = client.limit("BTC-USD", "buy", "0.5", "64000.00")
"""

from exchange.client.aio import AsyncClient
from exchange.client.book import Order
from exchange.client.client import Client
from exchange.client.core_queries import OrderState
from exchange.client.errors import (
    ClientClosed,
    LogonRefused,
    ReportsLost,
    RequestTimeout,
    TooManyRequests,
)
from exchange.client.face import empty_commands
from exchange.client.handles import Handle
from exchange.client.instruments import Asset, Directory, Instrument, UnknownName
from exchange.client.loop_runner import AsyncHandle
from exchange.client.reader import Reader
from exchange.client.reports import AsyncReportStream, ReportStream
from exchange.client.requests import Request
from exchange.client.results import AdminAnswer, Balance, ExecutionReport, Reject, Reports
from exchange.client.session import Resync, State

__all__ = [
    "AdminAnswer",
    "Asset",
    "AsyncClient",
    "AsyncHandle",
    "AsyncReportStream",
    "Balance",
    "Client",
    "ClientClosed",
    "Directory",
    "ExecutionReport",
    "Handle",
    "Instrument",
    "LogonRefused",
    "Order",
    "OrderState",
    "Reader",
    "Reject",
    "ReportStream",
    "Reports",
    "ReportsLost",
    "Request",
    "RequestTimeout",
    "Resync",
    "State",
    "TooManyRequests",
    "UnknownName",
    "empty_commands",
]
