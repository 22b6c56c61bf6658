"""What the exchange says is durable, with the power cut right after it returned: nothing of it is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.power.disk_model import DiskModel, Loss, differences
from tests.power.witness import Witness

_BEGIN = """
import sys
from pathlib import Path
from exchange.storage.digests import Digest, append_digest
from exchange.storage.directory import write_whole
from exchange.storage.snapshots import write_snapshot
from cmatch._core import Journal
root = Path(sys.argv[1])
options = {"segment_bytes": 1 << 16, "write_bytes": 1 << 13}
"""
PROMISES = {
    "a file written whole": ("write_whole(root / 'f', b'x')", {"f": b"x"}),
    "a digest": (
        "append_digest(root / 'd', Digest(1, 2, 3))",
        {"d": b"1 0000000000000002 0000000000000003 replica\n"},
    ),
    "two digests": (
        "append_digest(root / 'd', Digest(1, 2, 3)); append_digest(root / 'd', Digest(4, 5, 6))",
        {"d": b"1 0000000000000002 0000000000000003 replica\n4 0000000000000005 0000000000000006 replica\n"},
    ),
    "a snapshot": ("write_snapshot(root, Digest(7, 2, 3), b'content')", {f"{7:020d}.snapshot": b"content"}),
    "a record that was synced": (
        "j = Journal(str(root / 'j'), **options); j.append(1, 1, 1, b'payload!'); j.sync()",
        {f"j/{1:020d}.journal": b"payload!"},
    ),
    "a record behind a rotation that was synced": (
        """
j = Journal(str(root / 'j'), **options)
for n in range(1, 12):
    j.append(n, 1, 1, b'%7d!' % n * 900)
j.sync()
""",
        {f"j/{9:020d}.journal": b"     11!"},
    ),
}


@pytest.mark.parametrize("promise", PROMISES)
def test_power_cut_right_after_the_return_loses_nothing(tmp_path: Path, promise: str) -> None:
    """The file is there under its name, and ends with, or holds, what was written."""
    program, wanted = PROMISES[promise]
    root = tmp_path / "root"
    root.mkdir()
    with Witness(root, tmp_path / "witness") as witness:
        model = DiskModel(root)
        words = [sys.executable, "-c", _BEGIN + program, str(root)]
        subprocess.run(words, env={**os.environ, **witness.environment}, check=True)
        model.follow(witness.read())
    assert differences(root, model.live()) == []
    for loss in (Loss.LOST, Loss.TORN, Loss.REORDERED, Loss.KEPT):
        tree = model.after(loss, Random(1))
        for name, content in wanted.items():
            image = tree.get(name)
            assert image is not None, f"{name} is gone"
            assert content in image.whole()
