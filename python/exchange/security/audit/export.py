"""Retention: full files of a chain move to an archive; a signed base says where the rest begins."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from exchange.config.durable import sync_directory
from exchange.config.private import private_directory, replace_private_file
from exchange.errors import AuditUnavailable, SecurityError, SecurityFault
from exchange.security.audit.files import BASE, HEADS, list_segments, read_base, read_heads
from exchange.security.audit.heads import HeadSigner, Position, PublicKeys
from exchange.security.audit.record import read_record
from exchange.security.audit.verify import verify_chain


@dataclass(frozen=True, slots=True)
class Exported:
    """What moved.

    Args:
        chain: Of it.
        files: How many.
        first, last: Numbers of the records; 0: none.
        hash: Of the last one.
    """

    chain: str
    files: int
    first: int
    last: int
    hash: str


def export_chain(chain: Path, archive: Path, signer: HeadSigner, keys: PublicKeys) -> Exported:
    """Move all but the last file of a chain to ARCHIVE/CHAIN; its writer may be at work meanwhile.

    A crash leaves a file in both places, with the same content; the next export goes on.

    Raises:
        SecurityError: AUDIT_DAMAGED: the chain does not check; then nothing moves.
        AuditUnavailable: The archive cannot be written.
    """
    report = verify_chain(chain, keys)
    if report.findings:
        finding = report.findings[0]
        raise SecurityError(
            f"{finding.where}: {finding.text}: nothing is exported", SecurityFault.AUDIT_DAMAGED
        )
    base = read_base(chain)
    segments = list_segments(chain)[:-1]
    for left in [each for each in segments if base is not None and int(each.stem) <= base.seq]:
        left.unlink()
        segments.remove(left)
    if not segments:
        return Exported(chain.name, 0, 0, 0, "")
    first = read_record(segments[0].read_bytes().split(b"\n", 1)[0])
    last = read_record(segments[-1].read_bytes().rstrip(b"\n").rpartition(b"\n")[2])
    try:
        target = private_directory(private_directory(archive) / chain.name)
        if not list_segments(target) and (chain / BASE).exists():
            _copy(chain / BASE, target / BASE)
        for segment in segments:
            _copy(segment, target / segment.name)
        heads = b"".join(head.line for head in read_heads(chain) if head.seq <= last.seq)
        replace_private_file(target / HEADS, heads)
        sync_directory(target)
        begins = signer.sign(chain.name, last.seq, last.hash, Position(), time.time_ns())
        replace_private_file(chain / BASE, begins.line)
        for segment in segments:
            segment.unlink()
        sync_directory(chain)
    except OSError as error:
        raise AuditUnavailable(f"{archive} cannot be written: {error.strerror}") from None
    return Exported(chain.name, len(segments), first.seq, last.seq, last.hash)


def _copy(source: Path, target: Path) -> None:
    replace_private_file(target, source.read_bytes())
    shutil.copystat(source, target)
