"""The ledger: accounts, assets, balances, transfers that happen once, and reservations."""

from dataclasses import dataclass, field

from tests.oracle.venue.model import Command, Sizes
from tests.oracle.venue.words import HOUSE_EXTERNAL, HOUSE_FEES, RATE_ONE, fits, is_house


@dataclass
class Balance:
    """Of one account in one asset."""

    total: int = 0
    reserved: int = 0
    version: int = 0

    @property
    def available(self) -> int:
        """What may be spent."""
        return self.total - self.reserved

    def change(self, total: int = 0, reserved: int = 0) -> None:
        """Adds to both; counts a version where anything changes."""
        self.total += total
        self.reserved += reserved
        self.version += bool(total or reserved)


@dataclass(frozen=True)
class Account:
    """Who owns balances."""

    tenant: int
    parent: int


@dataclass
class Asset:
    """A kind of money or goods."""

    symbol: str
    scale: int
    collateral_asset: int = 0
    mark: int = 0
    haircut: int = 0


@dataclass
class Hold:
    """A reservation, for ever: what became of it is asked later."""

    account: int
    asset: int
    amount: int
    expire_at: int | None
    state: str = "pending"


@dataclass
class Outcome:
    """The first answer of a transfer id."""

    content: tuple[tuple[str, object], ...]
    answer: Command = field(default_factory=dict)


class Ledger:
    """Who has how much. The rules of its commands are in ledger_commands."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.accounts = {HOUSE_EXTERNAL: Account(0, 0), HOUSE_FEES: Account(0, 0)}
        self.assets: dict[int, Asset] = {}
        self.balances: dict[tuple[int, int], Balance] = {}
        self.holds: dict[int, Hold] = {}
        self.transfers: dict[int, Outcome] = {}

    def knows(self, account: int, tenant: int) -> bool:
        """Whether a command of a tenant may name an account."""
        found = self.accounts.get(account)
        return found is not None and not is_house(account) and tenant in (0, found.tenant)

    def balance(self, account: int, asset: int) -> Balance:
        """A balance, an empty one where there is none yet."""
        return self.balances.get((account, asset), Balance())

    def make(self, account: int, asset: int) -> Balance:
        """A balance that stays."""
        return self.balances.setdefault((account, asset), Balance())

    def has_room(self, *names: tuple[int, int]) -> bool:
        """Whether these balances exist or could."""
        missing = {name for name in names if name not in self.balances}
        return len(self.balances) + len(missing) <= self.sizes.max_balances

    def pending(self) -> list[tuple[int, Hold]]:
        """The reservations that still hold something, by id."""
        return sorted((id_, hold) for id_, hold in self.holds.items() if hold.state == "pending")

    def move(self, payer: int, receiver: int, asset: int, amount: int, freed: int = 0) -> None:
        """One posting: `amount` changes hands, and `freed` of the payer's is reserved no longer."""
        if payer == receiver:
            self.make(payer, asset).change(0, -freed)
        else:
            self.make(payer, asset).change(-amount, -freed)
            self.make(receiver, asset).change(amount)

    def expire(self, clock: int) -> None:
        """Frees the reservations whose time is over."""
        due = [
            (hold.expire_at, id_)
            for id_, hold in self.pending()
            if hold.expire_at is not None and hold.expire_at <= clock
        ]
        for _, id_ in sorted(due):
            self.free(id_, "expired")

    def free(self, id_: int, state: str) -> None:
        """Ends a reservation without a payment."""
        hold = self.holds[id_]
        hold.state = state
        self.make(hold.account, hold.asset).change(0, -hold.amount)

    def collateral(self, account: int, asset: int) -> int:
        """What all balances of an account are worth in one asset, after haircuts, rounded down each."""
        worth = 0
        for (owner, of_asset), balance in self.balances.items():
            rules = self.assets[of_asset]
            if owner != account:
                continue
            if of_asset == asset:
                worth += balance.total
            elif rules.collateral_asset == asset:
                value = balance.total * rules.mark * (RATE_ONE - rules.haircut)
                worth += value // (RATE_ONE * 10**rules.scale)
        return worth

    def fits(self, account: int, asset: int, amount: int) -> bool:
        """Whether a balance may change by this amount without leaving 64 bits."""
        return fits(self.balance(account, asset).total + amount)
