"""What the exchange says is durable, with the power cut right after it returned: nothing of it is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from exchange.bus.topics import TopicTable
from exchange.security import KeyStore
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import ApiKeys
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store
from tests.power.disk_model import DiskModel, Loss, differences, write_tree
from tests.power.witness import Witness

_BEGIN = """
import os, sys
from pathlib import Path
from exchange.storage.digests import Digest, append_digest
from exchange.storage.directory import write_whole
from exchange.storage.snapshots import write_snapshot
from cmatch._core import Journal
from exchange.security import KeyStore
from exchange.security.audit import AuditChain, AuditEntry, Outcome
from exchange.config.private import private_directory, write_private_file
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
    "a private file in directories of its own": (
        "write_private_file(private_directory(root / 'a' / 'b') / 'f', b'secret')",
        {"a/b/f": b"secret"},
    ),
    "a head of the audit log": (
        """
signer = KeyStore(root / 'keys').head_signer()
with AuditChain(root / 'audit', 'cli', signer, process='cli') as chain:
    entry = AuditEntry(action='keys.revoke', outcome=Outcome.DONE, ts_ns=1, process='cli', target='a-key')
    chain.append([entry])
    chain.sign()
    os._exit(0)
""",
        {"audit/cli/heads": b'"cli"', f"audit/cli/{1:020d}.audit": b'"a-key"'},
    ),
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


_KEY = """
import sys
from pathlib import Path
from exchange.security import KeyStore
KeyStore(Path(sys.argv[1])).head_signer()
"""


def test_key_that_the_store_knows_signs_wherever_the_power_was_cut(tmp_path: Path) -> None:
    """After each operation of making one, and after all: nobody knows it, or its secret is there."""
    root = tmp_path / "root"
    (root / "keys").mkdir(mode=0o700, parents=True)
    with Witness(root, tmp_path / "witness") as witness:
        model = DiskModel(root)
        words = [sys.executable, "-c", _KEY, str(root / "keys")]
        subprocess.run(words, env={**os.environ, **witness.environment}, check=True)
        operations = list(witness.read())
    known = 0
    for operation in operations:
        model.follow([operation])
        for loss in Loss:
            after = tmp_path / "after"
            write_tree(after, model.after(loss, Random(1)))
            store = KeyStore(after / "keys")
            known += len(store.records())
            assert store.head_signer().key_id == store.records()[0].key_id
    assert known > 0


_API_KEY = """
import os, sys
from pathlib import Path
from exchange.bus.topics import TopicTable
from exchange.security import KeyStore
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store
root = Path(sys.argv[1])
KeyStore(root / "keys")
with open_store(root / "stores", "identity", MIGRATIONS) as store:
    keys = ApiKeys(IdentityStore(store, Sealer(root / "keys"), TopicTable("dev")))
    key, secret = keys.create(Wanted(name="algo", tenant=7, scopes=("trade",)))
    print(key.key_id, secret, flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize("loss", Loss)
def test_api_key_signs_after_the_power_was_cut_when_it_was_told(tmp_path: Path, loss: Loss) -> None:
    """Its row, the store's file and directory, and the key that seals its secret are all there."""
    root = tmp_path / "root"
    root.mkdir()
    with Witness(root, tmp_path / "witness") as witness:
        model = DiskModel(root)
        words = [sys.executable, "-c", _API_KEY, str(root)]
        environment = {**os.environ, **witness.environment}
        told = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        model.follow(witness.read())
    after = tmp_path / "after"
    write_tree(after, model.after(loss, Random(1)))
    with open_store(after / "stores", "identity", MIGRATIONS) as store:
        keys = ApiKeys(IdentityStore(store, Sealer(after / "keys"), TopicTable("dev")))
        assert [f"{key.key_id} {key.verifier.hex()}\n" for key in keys.all()] == [told]
