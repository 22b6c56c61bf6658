"""Spans of OpenTelemetry, with the extra `otel`: off by default, and nothing of it is imported then.

A process that traces calls `start_tracing` once. `span` is what everybody uses: a block that is a span, or
nothing. A trace is what one request causes: where no `traceparent` came along, its id follows from the
correlation id, which is in the headers of every call and in the envelope of every event. So all processes
come to the same one, and to the same decision whether it is sampled, without a word between them.
`traceparent` is the W3C header of the span that runs, for whoever can send one beside `x-correlation-id`.

    with span("rpc orders.GetOrder", Kind.SERVER, attributes={...}) as it:
        ...
        it.failed("NOT_FOUND")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from exchange.errors import ConfigError
from exchange.observability.correlation import current_correlation
from exchange.observability.health import distribution_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

TRACEPARENT: Final = "traceparent"

Attributes = Mapping[str, str | int | float | bool]


class Kind(Enum):
    """Which side of a call, or of a queue, a span is of; values as OpenTelemetry names them."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """What the block of a span can say."""

    def failed(self, why: str) -> None:
        """It ended badly."""
        ...

    def says(self, attributes: Attributes) -> None:
        """More about it."""
        ...


class _NoSpan:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was begun."""

    def failed(self, why: str) -> None:
        """Nobody listens."""

    def says(self, attributes: Attributes) -> None:
        """Nobody listens."""


class _RealSpan:
    def __init__(self, of: Any) -> None:
        self._of = of
        self.has_failed = False

    def failed(self, why: str) -> None:
        """It ended badly."""
        self.has_failed = True
        from opentelemetry.trace import Status, StatusCode

        self._of.set_status(Status(StatusCode.ERROR, why))

    def says(self, attributes: Attributes) -> None:
        """More about it."""
        self._of.set_attributes(dict(attributes))


_NO_SPAN: Final = _NoSpan()


class _Tracing:
    """The tracer of this process, as a logger is one of it; None: spans are nothing."""

    tracer: Tracer | None = None


def is_tracing() -> bool:
    """Whether spans are something here: for those who do without one to save what its words take."""
    return _Tracing.tracer is not None


def span(
    name: str, kind: Kind = Kind.INTERNAL, *, parent: str | None = None, attributes: Attributes | None = None
) -> AbstractContextManager[Span]:
    """The block is a span, below the one around it.

    Args:
        name: What it does: few of them, so no ids in it.
        kind: Which side of a call it is.
        parent: A `traceparent` that came from elsewhere, and counts instead.
        attributes: About it.
    """
    tracer = _Tracing.tracer
    return _NO_SPAN if tracer is None else _span(tracer, name, kind, parent, attributes or {})


@contextmanager
def _span(
    tracer: Tracer, name: str, kind: Kind, parent: str | None, attributes: Attributes
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    about = dict(attributes)
    if correlation := current_correlation():
        parent = parent or (None if current_ids() else of_correlation(correlation.correlation_id))
        about["exchange.correlation_id"] = correlation.correlation_id
        about["exchange.tenant"] = correlation.tenant
    context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}) if parent else None
    # The text of an error stays in the log, where it is looked through for passwords.
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=getattr(SpanKind, kind.value),
        attributes=about,
        record_exception=False,
        set_status_on_exception=False,
    ) as it:
        real = _RealSpan(it)
        try:
            yield real
        except Exception as error:
            if not real.has_failed:
                real.failed(type(error).__name__)
            raise


def of_correlation(correlation_id: str) -> str:
    """The `traceparent` that a correlation id stands for: of a root that nobody records."""
    digest = sha256(correlation_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def traceparent() -> str:
    """The W3C header of the span that runs; empty where there is none."""
    if _Tracing.tracer is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT, "")


def current_ids() -> dict[str, str]:
    """`trace_id` and `span_id` of the span that runs, for lines of the log; empty where there is none."""
    if _Tracing.tracer is None:
        return {}
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


def start_tracing(process: str, endpoint: str, sample_percent: int) -> Callable[[], None]:
    """Sends the spans of this process to a collector, by OTLP over HTTP, in batches from a thread.

    Args:
        process: What the spans call it.
        endpoint: `http://host:port/v1/traces`.
        sample_percent: Of the traces; which ones, their ids say.

    Returns:
        What ends it, and sends what is left.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            f"tracing.endpoint is set and OpenTelemetry is not installed ({error}):"
            " pip install 'cmatch[exchange,otel]'"
        ) from None
    return trace_with(process, BatchSpanProcessor(OTLPSpanExporter(endpoint)), sample_percent)


def trace_with(process: str, processor: SpanProcessor, sample_percent: int = 100) -> Callable[[], None]:
    """Hands the spans of this process to a processor of the SDK; see `start_tracing`."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    provider = TracerProvider(
        sampler=TraceIdRatioBased(sample_percent / 100),
        resource=Resource.create(
            {
                "service.name": "exchange",
                "service.instance.id": process,
                "service.version": distribution_version(),
            }
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    _Tracing.tracer = provider.get_tracer("exchange", distribution_version())

    def end() -> None:
        _Tracing.tracer = None
        provider.shutdown()

    return end
