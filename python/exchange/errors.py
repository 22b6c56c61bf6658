"""Accidents of the exchange, in one tree; rejects of orders are data and are not here.

ExchangeError
  TransportError                sockets and calls
    RpcError                    a call that the other side answered with a status other than OK
    ServiceUnavailableError     no answer: nobody is there, or the circuit breaker is open
      DeadlineExceeded          no answer in time
  WireError                     bytes that are no frame of ours, or a frame beyond its bounds
  StorageError                  a journal, snapshot or store that cannot be read or written
    LogUnavailable              an event log cannot be written or read now
    LogCorrupt                  an event log holds what cannot be read
    AuditUnavailable            the audit log cannot be written now: what had to be recorded is not done
  LogRefused                    an event, or a use of an event log, against its rules; with a number
  InvalidEvent                  an event that its consumer can never take
  ConfigError                   a setting that is missing, unknown or out of bounds
  SecurityError                 keys, permissions and identities; with a number where a caller may act on it
    AuthenticationError         nobody knows who is asking

Only the runtime catches these; business code lets them pass.
"""

from enum import IntEnum, StrEnum
from typing import ClassVar


class RpcStatus(IntEnum):
    """How a call ended. The numbers are those of the enum `Status` in `schema/v1/bus/bus.capnp`: append only.

    They are gRPC's status codes plus one, because 0 means unset in all our enums.
    """

    OK = 1
    CANCELLED = 2
    UNKNOWN = 3
    INVALID_ARGUMENT = 4
    DEADLINE_EXCEEDED = 5
    NOT_FOUND = 6
    ALREADY_EXISTS = 7
    PERMISSION_DENIED = 8
    RESOURCE_EXHAUSTED = 9
    FAILED_PRECONDITION = 10
    ABORTED = 11
    OUT_OF_RANGE = 12
    UNIMPLEMENTED = 13
    INTERNAL = 14
    UNAVAILABLE = 15
    DATA_LOSS = 16
    UNAUTHENTICATED = 17

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self in _TRANSIENT

    @property
    def server_fault(self) -> bool:
        """Whether it speaks against the service, so that a circuit breaker counts it."""
        return self in _SERVER_FAULTS


_TRANSIENT = frozenset({RpcStatus.RESOURCE_EXHAUSTED, RpcStatus.UNAVAILABLE})
_SERVER_FAULTS = frozenset(
    {
        RpcStatus.UNKNOWN,
        RpcStatus.DEADLINE_EXCEEDED,
        RpcStatus.RESOURCE_EXHAUSTED,
        RpcStatus.INTERNAL,
        RpcStatus.UNAVAILABLE,
        RpcStatus.DATA_LOSS,
    }
)


class ExchangeError(Exception):
    """Any accident of the exchange. `status` is what a caller over RPC is told of it."""

    status: ClassVar[RpcStatus] = RpcStatus.INTERNAL


class TransportError(ExchangeError):
    """A socket or a call went wrong."""

    status = RpcStatus.UNAVAILABLE


class RpcError(TransportError):
    """A call was answered with a status other than OK.

    Args:
        code: How it ended.
        message: One sentence for people; programs look at the code.
        retry_after_ms: When a retry may make sense, in milliseconds from now; None where nothing is known.
    """

    def __init__(self, code: RpcStatus, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms


class ServiceUnavailableError(TransportError):
    """There is no answer: nobody is there, the circuit breaker is open, or (its subclass) time was used up.

    The one error of all clients when a service is away: who has a fallback catches this.

    Args:
        message: One sentence.
        retry_after_ms: When a retry may make sense, in milliseconds from now; None where nothing is known.
    """

    def __init__(self, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class DeadlineExceeded(ServiceUnavailableError, TimeoutError):
    """The time of the call was used up; whether the other side acted on it is unknown."""

    status = RpcStatus.DEADLINE_EXCEEDED


class WireError(ExchangeError):
    """Bytes that are no frame of ours, or a frame beyond its bounds."""

    status = RpcStatus.INVALID_ARGUMENT


class StorageError(ExchangeError):
    """A journal, snapshot or store cannot be read or written."""


class LogUnavailable(StorageError):
    """An event log cannot be written or read now: a full disk, an engine that is away."""

    status = RpcStatus.UNAVAILABLE


class LogCorrupt(StorageError):
    """An event log holds what cannot be read, and whole records behind it."""

    status = RpcStatus.DATA_LOSS


class AuditUnavailable(StorageError):
    """The audit log cannot be written now; what had to be recorded first is not done."""

    status = RpcStatus.UNAVAILABLE


class LogFault(IntEnum):
    """Why an event was not published, or an event log not used: append only."""

    UNKNOWN_EVENT = 7001
    WRONG_PRODUCER = 7002
    BAD_EVENT = 7003
    SUNSET = 7004
    UNKNOWN_TOPIC = 7101
    TOPIC_IN_USE = 7102
    GAP = 7103
    OVERLAP = 7104
    DIVERGED = 7105
    FENCED = 7106
    TOO_LARGE = 7107
    TRUNCATED = 7108
    GROUP_IN_USE = 7109
    BAD_NAME = 7110

    @property
    def meaning(self) -> str:
        """What is wrong, in words."""
        return _LOG_FAULTS[self]


_LOG_FAULTS = {
    LogFault.UNKNOWN_EVENT: "its type and version are not in the catalogue",
    LogFault.WRONG_PRODUCER: "the catalogue names others as its producers, or the topic other writers",
    LogFault.BAD_EVENT: "a field is missing, too long, or not what the catalogue says",
    LogFault.SUNSET: "its type was withdrawn",
    LogFault.UNKNOWN_TOPIC: "no topic of the table has that name",
    LogFault.TOPIC_IN_USE: "another writes it",
    LogFault.GAP: "events are missing between what the log has of the stream and the batch",
    LogFault.OVERLAP: "the log has a part of the batch: it was cut differently the first time",
    LogFault.DIVERGED: "the log has the batch's sequences from another epoch: two pasts",
    LogFault.FENCED: "the stream goes on in a later epoch than the batch's",
    LogFault.TOO_LARGE: "the batch is larger than a record may be",
    LogFault.TRUNCATED: "what is at the offset was removed",
    LogFault.GROUP_IN_USE: "another consumes for the group",
    LogFault.BAD_NAME: "no name for a group",
}


class LogRefused(ExchangeError):
    """An event was not published, or an event log not used: `fault` is the number, the message says why."""

    status = RpcStatus.FAILED_PRECONDITION

    def __init__(self, fault: LogFault, message: str) -> None:
        super().__init__(f"{int(fault)} {fault.name}: {message}")
        self.fault = fault


class InvalidEvent(ExchangeError):
    """An event that its consumer can never take, however often it comes: it goes to the dead letters."""

    status = RpcStatus.INVALID_ARGUMENT


class ConfigError(ExchangeError):
    """A setting is missing, unknown or out of bounds; the message says where, which, and what is expected."""

    status = RpcStatus.FAILED_PRECONDITION


class SecurityFault(IntEnum):
    """Why a credential, a key or a record of the audit log was not taken: append only."""

    CONTEXT_MALFORMED = 8001
    CONTEXT_VERSION = 8002
    CONTEXT_KEY = 8003
    CONTEXT_FORGED = 8004
    CONTEXT_EXPIRED = 8005
    CONTEXT_FOREIGN = 8006
    NOT_PERMITTED = 8101
    NO_RULE = 8102
    UNKNOWN_ROLE = 8103
    UNKNOWN_KEY = 8201
    KEY_REVOKED = 8203
    KEY_EXPIRED = 8204
    KEY_EXISTS = 8205
    BAD_KEY_STORE = 8206
    AUDIT_DAMAGED = 8301
    AUDIT_IN_USE = 8302

    @property
    def meaning(self) -> str:
        """What is wrong, in words."""
        return _SECURITY_FAULTS[self]


_SECURITY_FAULTS = {
    SecurityFault.CONTEXT_MALFORMED: "the security context cannot be read, or its fields are out of bounds",
    SecurityFault.CONTEXT_VERSION: "it is of another version",
    SecurityFault.CONTEXT_KEY: "it is signed by a key that is not known here, or no longer",
    SecurityFault.CONTEXT_FORGED: "it is not what was signed",
    SecurityFault.CONTEXT_EXPIRED: "its time is over",
    SecurityFault.CONTEXT_FOREIGN: "the call names another tenant or user than it does",
    SecurityFault.NOT_PERMITTED: "the caller's roles do not have the permission that the method needs",
    SecurityFault.NO_RULE: "the method has no rule, so nobody may call it",
    SecurityFault.UNKNOWN_ROLE: "no role of the table has that name",
    SecurityFault.UNKNOWN_KEY: "the store has no key with that id",
    SecurityFault.KEY_REVOKED: "the key was revoked",
    SecurityFault.KEY_EXPIRED: "the key's time is over",
    SecurityFault.KEY_EXISTS: "a live key has that name",
    SecurityFault.BAD_KEY_STORE: "the store of keys cannot be read as one",
    SecurityFault.AUDIT_DAMAGED: "the audit log is not what was written",
    SecurityFault.AUDIT_IN_USE: "another process writes the chain",
}


class SecurityError(ExchangeError):
    """A key, a permission or an identity is not what it has to be.

    Args:
        message: One sentence, without any secret.
        fault: Its number, where there is one.
    """

    status = RpcStatus.PERMISSION_DENIED

    def __init__(self, message: str, fault: SecurityFault | None = None) -> None:
        super().__init__(message if fault is None else f"{int(fault)} {fault.name}: {message}")
        self.message = message
        self.fault = fault


class AuthenticationError(SecurityError):
    """Who is asking is not said, not true, or no longer true."""

    status = RpcStatus.UNAUTHENTICATED


class GatewayFault(IntEnum):
    """Why the gateway refused a request before anybody else saw it, or has no answer to it: append only.

    Rejects of the exchange itself have the numbers of `RejectCode`, keys those of `SecurityFault`.
    """

    UNKNOWN_ROUTE = 9001
    METHOD_NOT_ALLOWED = 9002
    UNSUPPORTED_MEDIA_TYPE = 9003
    BODY_TOO_LARGE = 9004
    REQUEST_TOO_SLOW = 9005
    INVALID_BODY = 9006
    INVALID_PARAMETER = 9007
    MUST_BE_STRING = 9008
    BAD_DECIMAL = 9009
    ACCOUNT_NEEDED = 9010
    IDEMPOTENCY_KEY_NEEDED = 9011
    MALFORMED_REQUEST = 9012
    HEAD_TOO_LARGE = 9013
    NO_CREDENTIAL = 9101
    MALFORMED_CREDENTIAL = 9102
    CLOCK_OUT_OF_WINDOW = 9103
    WRONG_SIGNATURE = 9104
    REPLAYED = 9105
    ADDRESS_NOT_ALLOWED = 9106
    SCOPE_MISSING = 9107
    ORIGIN_NOT_ALLOWED = 9108
    WRONG_PASSWORD = 9109
    SESSION_OVER = 9110
    BAD_TOKEN = 9111
    TOKEN_EXPIRED = 9112
    LOGIN_TOO_OFTEN = 9113
    WEAK_PASSWORD = 9114
    UNKNOWN_CREDENTIAL = 9115
    NAME_TAKEN = 9116
    MORE_THAN_OWN = 9117
    RATE_LIMITED = 9201
    TOO_MANY_CONNECTIONS = 9202
    OVERLOADED = 9203
    NOT_ENABLED = 9301
    UNAVAILABLE = 9302
    OUTCOME_UNKNOWN = 9303
    INTERNAL = 9304
    UNKNOWN_OP = 9401
    NOT_SUBSCRIBABLE = 9402
    BAD_RESUME_TOKEN = 9403
    TOO_MANY_SUBSCRIPTIONS = 9404
    ALREADY_LOGGED_ON = 9405

    @property
    def meaning(self) -> str:
        """What is wrong, in words."""
        return _GATEWAY_FAULTS[self][1]

    @property
    def http_status(self) -> int:
        """What it is answered with."""
        return _GATEWAY_FAULTS[self][0]

    @property
    def transient(self) -> bool:
        """Whether the same request, signed anew, may succeed a little later."""
        return self in _GATEWAY_TRANSIENT


_GATEWAY_FAULTS = {
    GatewayFault.UNKNOWN_ROUTE: (404, "there is no such path"),
    GatewayFault.METHOD_NOT_ALLOWED: (405, "the path does not have this method"),
    GatewayFault.UNSUPPORTED_MEDIA_TYPE: (415, "a body is application/json, and nothing else"),
    GatewayFault.BODY_TOO_LARGE: (413, "the body is larger than is taken"),
    GatewayFault.REQUEST_TOO_SLOW: (408, "the request did not come in time"),
    GatewayFault.INVALID_BODY: (
        400,
        "the body is no JSON, or a field is missing, unknown or not of its kind",
    ),
    GatewayFault.INVALID_PARAMETER: (400, "a parameter is unknown or not of its kind"),
    GatewayFault.MUST_BE_STRING: (400, "a decimal is a string: a JSON number may have been rounded"),
    GatewayFault.BAD_DECIMAL: (400, "no plain decimal, or more places than the instrument or asset has"),
    GatewayFault.ACCOUNT_NEEDED: (400, "several accounts may be used: the request has to name one"),
    GatewayFault.IDEMPOTENCY_KEY_NEEDED: (400, "this write needs the header Idempotency-Key"),
    GatewayFault.MALFORMED_REQUEST: (400, "it is no request of HTTP"),
    GatewayFault.HEAD_TOO_LARGE: (431, "the head of the request, or its trailers, is larger than is taken"),
    GatewayFault.NO_CREDENTIAL: (401, "the request is not signed, and has no token"),
    GatewayFault.MALFORMED_CREDENTIAL: (401, "a header of the signature cannot be read"),
    GatewayFault.CLOCK_OUT_OF_WINDOW: (401, "the timestamp is too far from the gateway's time"),
    GatewayFault.WRONG_SIGNATURE: (401, "the signature is not that of this request by this key"),
    GatewayFault.REPLAYED: (401, "the nonce was used before"),
    GatewayFault.ADDRESS_NOT_ALLOWED: (403, "the key may not be used from this address"),
    GatewayFault.SCOPE_MISSING: (403, "who asks does not have the scope that the route needs"),
    GatewayFault.ORIGIN_NOT_ALLOWED: (403, "a cookie counts for a write from the gateway's own pages alone"),
    GatewayFault.WRONG_PASSWORD: (401, "there is no user with that name and that password"),
    GatewayFault.SESSION_OVER: (401, "the session is over, was revoked, or never was"),
    GatewayFault.BAD_TOKEN: (401, "the token is none, is by no issuer that counts here, or is for others"),
    GatewayFault.TOKEN_EXPIRED: (401, "the token's time is over"),
    GatewayFault.LOGIN_TOO_OFTEN: (429, "too many passwords were wrong: the next one has to wait"),
    GatewayFault.WEAK_PASSWORD: (422, "the password is too short, too long, or one that is tried first"),
    GatewayFault.UNKNOWN_CREDENTIAL: (404, "the caller has no key, session or user with that id"),
    GatewayFault.NAME_TAKEN: (409, "a user or a live key has that name"),
    GatewayFault.MORE_THAN_OWN: (403, "a key or a user may not do more than who makes it"),
    GatewayFault.RATE_LIMITED: (429, "more requests than the budget allows"),
    GatewayFault.TOO_MANY_CONNECTIONS: (503, "as many connections as may be"),
    GatewayFault.OVERLOADED: (503, "too many requests are under way"),
    GatewayFault.NOT_ENABLED: (501, "this exchange does not keep that"),
    GatewayFault.UNAVAILABLE: (503, "the service behind the gateway does not answer; nothing was done"),
    GatewayFault.OUTCOME_UNKNOWN: (504, "no answer in time: whether it was done is not known; ask again"),
    GatewayFault.INTERNAL: (500, "an accident of the gateway, which is in its log"),
    GatewayFault.UNKNOWN_OP: (400, "a stream does not know this op, or not here"),
    GatewayFault.NOT_SUBSCRIBABLE: (400, "there is no such channel, or not on this path"),
    GatewayFault.BAD_RESUME_TOKEN: (403, "the token is not one of this caller, or too old: begin anew"),
    GatewayFault.TOO_MANY_SUBSCRIPTIONS: (429, "more subscriptions than a connection may have"),
    GatewayFault.ALREADY_LOGGED_ON: (409, "this connection is logged on already"),
}
_GATEWAY_TRANSIENT = frozenset(
    {
        GatewayFault.REQUEST_TOO_SLOW,
        GatewayFault.CLOCK_OUT_OF_WINDOW,
        GatewayFault.LOGIN_TOO_OFTEN,
        GatewayFault.RATE_LIMITED,
        GatewayFault.TOO_MANY_CONNECTIONS,
        GatewayFault.OVERLOADED,
        GatewayFault.UNAVAILABLE,
        GatewayFault.OUTCOME_UNKNOWN,
    }
)


class ErrorClass(StrEnum):
    """What is to be done about an event whose handling raised."""

    VALIDATION = "validation"  # it would fail again: to the dead letters at once
    TRANSIENT = "transient"  # it may succeed soon: tried again on the ladder, then to the dead letters
    DEPENDENCY_DOWN = "dependency_down"  # nothing would succeed: held, and tried again for ever


_CLASSES = {
    RpcStatus.INVALID_ARGUMENT: ErrorClass.VALIDATION,
    RpcStatus.NOT_FOUND: ErrorClass.VALIDATION,
    RpcStatus.ALREADY_EXISTS: ErrorClass.VALIDATION,
    RpcStatus.PERMISSION_DENIED: ErrorClass.VALIDATION,
    RpcStatus.FAILED_PRECONDITION: ErrorClass.VALIDATION,
    RpcStatus.OUT_OF_RANGE: ErrorClass.VALIDATION,
    RpcStatus.UNIMPLEMENTED: ErrorClass.VALIDATION,
    RpcStatus.UNAUTHENTICATED: ErrorClass.VALIDATION,
    RpcStatus.UNAVAILABLE: ErrorClass.DEPENDENCY_DOWN,
    RpcStatus.DEADLINE_EXCEEDED: ErrorClass.DEPENDENCY_DOWN,
    RpcStatus.RESOURCE_EXHAUSTED: ErrorClass.DEPENDENCY_DOWN,
}


def class_of(error: BaseException) -> ErrorClass:
    """The class of what a handler of events raised; what nobody classified may have been an accident."""
    return _CLASSES.get(status_of(error), ErrorClass.TRANSIENT)


def is_service_failure(error: Exception) -> bool:
    """Whether an exception speaks against the service that was called, rather than against the call.

    What a `CircuitBreaker` in front of a client is given as `failures`: a refused argument opens no breaker.
    """
    return status_of(error).server_fault


def status_of(error: BaseException) -> RpcStatus:
    """The status that stands for an exception."""
    if isinstance(error, RpcError):
        return error.code
    return error.status if isinstance(error, ExchangeError) else RpcStatus.INTERNAL
