"""The audit log: chained records of what was done to the exchange, with heads that a key of its own signs.

AUDIT/CHAIN/NNN.audit     records, a line each, named after the first one; a chain has one writer
AUDIT/CHAIN/heads         signed heads, a line each: how far the chain was when
AUDIT/CHAIN/base          signed: where the chain begins, once its beginning was exported
"""

from exchange.security.audit.chain import AuditChain
from exchange.security.audit.files import list_chains
from exchange.security.audit.heads import Head, HeadSigner, PublicKeys
from exchange.security.audit.record import AuditEntry, AuditRecord, Outcome

__all__ = [
    "AuditChain",
    "AuditEntry",
    "AuditRecord",
    "Head",
    "HeadSigner",
    "Outcome",
    "PublicKeys",
    "list_chains",
]
