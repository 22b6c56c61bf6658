"""`exchange promote`."""

from __future__ import annotations

import argparse
import time
from typing import Final

from cmatch.cli.words import place
from cmatch.rejects import RejectCode
from exchange.bus.curve import KeyPair
from exchange.bus.dealer import Dealer
from exchange.cli.auditing import audited
from exchange.cli.common import add_settings, may_be_there, settings_of
from exchange.client.results import Reject
from exchange.domain.enums import FollowAction, FollowFlag, FollowOutcome
from exchange.domain.messages import CommandFrame, FollowAnswer, FollowRequest
from exchange.errors import ExchangeError, ServiceUnavailableError, WireError
from exchange.resilience import Policies
from exchange.schema.codec import decode_command_frame, encode_command_frame

DESCRIPTION = """Have the standby that runs on a data directory take the lead: it raises the epoch, journals
that, and answers clients from then on; its old leader is told to stop as soon as it can be reached. It is
refused where the standby may lack something that was acknowledged; with --accept-loss it leads all the same,
and what the old leader is known to have written beyond is printed. Afterwards it runs solo: answers wait for
its own disk alone, until another standby is there and `exchange solo --off` says so."""

_NOBODY: Final = "no standby answers: `exchange standby` starts one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds DIR and the options."""
    parser.add_argument("directory", type=place, metavar="DIR", help="data directory of the standby")
    add_settings(parser)
    parser.add_argument("--accept-loss", action="store_true", help="lead even where something is missing")
    parser.add_argument("--key", type=place, metavar="FILE", help="CURVE keys of this client, for TCP")
    parser.add_argument("--server-key", metavar="KEY", help="the standby's public key, for TCP")


def run(options: argparse.Namespace) -> int:
    """Asks, waits and prints; returns 0 where it leads, else 1."""
    options.data = options.directory
    settings = settings_of(options)
    if not may_be_there(settings.endpoints.orders):
        raise ServiceUnavailableError(_NOBODY)
    loss = "accept-loss" if options.accept_loss else "refuse-loss"
    with audited(settings, "replication.promote", str(options.directory), how=loss):
        return _promote(options, settings.endpoints.orders)


def _promote(options: argparse.Namespace, endpoint: str) -> int:
    keys = KeyPair.read(options.key) if options.key else None
    dealer = Dealer(endpoint, keys, options.server_key)
    try:
        answer = (
            Policies()
            .of("cli", "standby")
            .call_sync(lambda this: ask(dealer, accept_loss=options.accept_loss, timeout_s=this.remaining_s))
        )
    finally:
        dealer.close()
    if answer.kind is FollowOutcome.PROMOTED:
        print(f"leads    epoch {answer.epoch} from sequence {answer.sequence} on, solo")
        print(f"lost     {lost_range(answer)}")
        return 0
    if answer.reject == RejectCode.NOT_IN_SYNC:
        raise ExchangeError(
            "refused: this standby may lack what its leader has acknowledged"
            f" (known to be missing: {lost_range(answer)}); --accept-loss has it lead all the same"
        )
    raise ExchangeError(f"refused: {Reject(answer.reject) if answer.reject else answer.kind}")


def lost_range(answer: FollowAnswer) -> str:
    """What the old leader had written beyond the standby, when it was last heard."""
    if not answer.last_lost:
        return "nothing that is known of"
    count = answer.last_lost - answer.first_lost + 1
    return f"sequences {answer.first_lost} to {answer.last_lost}, {count} commands"


def ask(dealer: Dealer, *, accept_loss: bool, timeout_s: float) -> FollowAnswer:
    """Asks a standby to lead; its answer.

    Raises:
        ServiceUnavailableError: nobody answers in time.
        ExchangeError: who answers leads already.
    """
    flags = FollowFlag.ACCEPT_LOSS if accept_loss else FollowFlag(0)
    request = FollowRequest(kind=FollowAction.PROMOTE, flags=flags)
    frame = encode_command_frame(CommandFrame(records=(request,)))
    dealer.open()
    deadline = time.monotonic() + timeout_s
    sent = False
    while time.monotonic() < deadline:
        sent = sent or dealer.send(frame)
        for received in dealer.receive():
            try:
                answer = decode_command_frame(received).records[0]
            except WireError:
                raise ExchangeError("refused: it does not let this client ask for that") from None
            if isinstance(answer, FollowAnswer):
                return answer
        time.sleep(0.002)
    raise ServiceUnavailableError(_NOBODY)
