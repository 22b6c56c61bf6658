"""Requests of operators: how the exchange is, and the kill switch."""

from __future__ import annotations

from exchange.client.rest import operator as o
from exchange.client.rest.asks import Ask


class OperatorRequests:
    """Makes them."""

    def operator_services(self) -> Ask[o.Processes]:
        """The processes of the exchange."""
        return Ask(method="GET", path="/v1/operator/services", answers=o.Processes)

    def operator_followers(self) -> Ask[o.Followers]:
        """Who follows the core, and how far behind each is."""
        return Ask(method="GET", path="/v1/operator/followers", answers=o.Followers)

    def operator_metrics(self) -> Ask[o.OperatorMetrics]:
        """Rates and latencies of the last seconds."""
        return Ask(method="GET", path="/v1/operator/metrics", answers=o.OperatorMetrics)

    def operator_alerts(self) -> Ask[o.Alerts]:
        """What is not well now."""
        return Ask(method="GET", path="/v1/operator/alerts", answers=o.Alerts)

    def operator_audit(self) -> Ask[o.AuditState]:
        """What the last audit found, and whether one runs."""
        return Ask(method="GET", path="/v1/operator/audit", answers=o.AuditState)

    def start_audit(self) -> Ask[o.AuditStarted]:
        """Have the exchange audited, unless it is being already."""
        return Ask(method="POST", path="/v1/operator/audit", answers=o.AuditStarted)

    def operator_dead_letters(self, *, limit: int = 50) -> Ask[o.DeadLetterList]:
        """Events that services could not take, `limit` of each."""
        query = o.DeadLettersQuery(limit=limit)
        return Ask(method="GET", path="/v1/operator/dead-letters", answers=o.DeadLetterList, query=query)

    def operator_limits(self, *, min_sequence: int = 0) -> Ask[o.SetByOperators]:
        """Limits that are set, by scope, as of that journal sequence or later; needs administration."""
        query = o.SetQuery(min_sequence=min_sequence)
        return Ask(method="GET", path="/v1/operator/limits", answers=o.SetByOperators, query=query)

    def operator_kill_switches(self, *, min_sequence: int = 0) -> Ask[o.SetByOperators]:
        """Kill switches that were ever thrown, and how they are; likewise."""
        query = o.SetQuery(min_sequence=min_sequence)
        return Ask(method="GET", path="/v1/operator/kill-switches", answers=o.SetByOperators, query=query)

    def throw_kill_switch(
        self,
        scope: o.SwitchScope,
        *,
        on: bool,
        why: str,
        tenant: int | None = None,
        account: int | None = None,
        symbol: str | None = None,
    ) -> Ask[o.SwitchThrown]:
        """Block new orders of a scope and cancel what rests there; or (on=False) let orders in again.

        Args:
            scope: Of what.
            on: Whether it is thrown, or taken back.
            why: For the records.
            tenant: Which, where the scope is tenant.
            account: Likewise.
            symbol: Likewise, of an instrument.
        """
        body = o.ThrowSwitch(scope=scope, on=on, why=why, tenant=tenant, account=account, symbol=symbol)
        # The same again changes nothing: it may be sent again.
        return Ask(method="POST", path="/v1/operator/kill-switch", answers=o.SwitchThrown, body=body)
