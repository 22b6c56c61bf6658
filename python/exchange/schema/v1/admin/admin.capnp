# AdminService: UpsertInstrument, ListInstruments, UpsertTenant, ListTenants, SetLimits, GetLimits. An upsert that names a
# version is refused where another was meanwhile (ABORTED); 0 is any.
@0xcbe1c11400a4d214;

using Administration = import "../administration/administration.capnp";
using Instruments = import "../instruments/instruments.capnp";

struct InstrumentRecord @0xc939d5e4967fc683 {
  # An instrument as an administrator keeps it.
  symbol @0 :Text;
  instrumentId @1 :UInt32;  # 0: the service gives one
  kind @2 :Instruments.InstrumentKind;
  active @3 :Bool;
  baseAsset @4 :Text;
  quoteAsset @5 :Text;
  tickSize @6 :Text;  # decimal, in the quote asset
  lotSize @7 :Text;  # decimal, in the base asset
  minQty @8 :Int64;  # [lots]
  maxQty @9 :Int64;  # [lots]
  version @10 :UInt64;
}

struct UpsertInstrumentRequest @0xd880d1a8c03c30b4 {
  # Makes or changes an instrument.
  instrument @0 :InstrumentRecord;
  reason @1 :Text;
}

struct ListInstrumentsRequest @0xd42570a8f4fbe8c7 {
  # Asks for a page of instruments.
  after @0 :Text;  # the last symbol of the page before
  limit @1 :UInt32;  # at most; 0: as many as the server gives
  onlyActive @2 :Bool;
}

struct ListInstrumentsReply @0xea5cf8c0eea99a51 {
  # A page of instruments, by symbol.
  instruments @0 :List(InstrumentRecord);
  more @1 :Bool;  # another page follows
}

struct TenantRecord @0xfeb5c5a388d21824 {
  # A tenant.
  tenantId @0 :Text;
  name @1 :Text;
  active @2 :Bool;
  version @3 :UInt64;
}

struct UpsertTenantRequest @0x8b9e1438de313244 {
  # Makes or changes a tenant.
  tenant @0 :TenantRecord;
  reason @1 :Text;
}

struct ListTenantsRequest @0xb4a2d315cadeb601 {
  # Asks for a page of tenants.
  after @0 :Text;  # the last tenantId of the page before
  limit @1 :UInt32;  # at most; 0: as many as the server gives
}

struct ListTenantsReply @0xce1dc7901ab3d9d6 {
  # A page of tenants, by id.
  tenants @0 :List(TenantRecord);
  more @1 :Bool;  # another page follows
}

struct LimitSet @0xceb12bde375836cf {
  # Of a tenant, or of one user or account of it. A limit that is not set is inherited.
  tenantId @0 :Text;
  userId @1 :Text;
  account @2 :UInt64;
  orderQtyMax :union {
    unset @3 :Void;
    lots @4 :Int64;  # [lots] of one order
  }
  notionalMax :union {
    unset @5 :Void;
    minorUnits @6 :Int64;  # [minor units] of one order
  }
  positionMax :union {
    unset @7 :Void;
    lots @8 :Int64;  # [lots] either way
  }
  ordersPerSecondMax :union {
    unset @9 :Void;
    orders @10 :Int64;
  }
  version @11 :UInt64;
}

struct SetLimitsRequest @0x8e3adce112f804b2 {
  # Sets limits.
  limits @0 :LimitSet;
  reason @1 :Text;
}

struct GetLimitsRequest @0xc392189e180367e7 {
  # Asks for the limits that are set.
  tenantId @0 :Text;
  userId @1 :Text;
  account @2 :UInt64;
}

struct ProviderRecord @0xf1f3122c727825c4 {
  # A liquidity provider: who may be asked for quotes.
  providerId @0 :Text;
  name @1 :Text;
  active @2 :Bool;
  symbols @3 :List(Text);  # that it quotes; empty: all
  version @4 :UInt64;
}

struct UpsertProviderRequest @0xa60e8d364f733a9b {
  # Makes or changes a liquidity provider.
  provider @0 :ProviderRecord;
  reason @1 :Text;
}

struct ListProvidersRequest @0x9528867fd6ac4ee7 {
  # Asks for a page of liquidity providers.
  after @0 :Text;  # the last providerId of the page before
  limit @1 :UInt32;  # at most; 0: as many as the server gives
}

struct ListProvidersReply @0xc06a4f5ddb17b8e0 {
  # A page of liquidity providers, by id.
  providers @0 :List(ProviderRecord);
  more @1 :Bool;  # another page follows
}

struct FeeTier @0x91b1321e0f6d54f1 {
  # What is charged from a volume on.
  volumeMin @0 :Int64;  # [minor units of the quote asset] traded in 30 days, at least
  makerRate @1 :Int64;  # [1e-9] of the notional; negative is a rebate
  takerRate @2 :Int64;  # [1e-9]
}

struct FeeScheduleRecord @0x9c5b558ddabb03a3 {
  # Tiers by volume, the first from 0 on, each from more on than the one before.
  scheduleId @0 :Text;
  name @1 :Text;
  tiers @2 :List(FeeTier);
  version @3 :UInt64;
}

struct UpsertFeeScheduleRequest @0xee487323d4e10480 {
  # Makes or changes a fee schedule.
  schedule @0 :FeeScheduleRecord;
  reason @1 :Text;
}

struct ListFeeSchedulesRequest @0xbba0fa314c5f0579 {
  # Asks for a page of fee schedules.
  after @0 :Text;  # the last scheduleId of the page before
  limit @1 :UInt32;  # at most; 0: as many as the server gives
}

struct ListFeeSchedulesReply @0xf407ba74c130c3fc {
  # A page of fee schedules, by id.
  schedules @0 :List(FeeScheduleRecord);
  more @1 :Bool;  # another page follows
}

struct InstrumentFees @0xc8e2ab53c4d37b40 {
  # What the core charges for trades of an instrument.
  symbol @0 :Text;
  feeMode @1 :Instruments.FeeMode;
  makerRate @2 :Int64;  # [1e-9] of the notional; negative is a rebate
  takerRate @3 :Int64;  # [1e-9]
  version @4 :UInt64;  # of the instrument
}

struct SetFeesRequest @0xfc2112cf1f5281dd {
  # Has the core charge otherwise; refused while an order of the instrument lives.
  fees @0 :InstrumentFees;
  reason @1 :Text;
}

struct AccountRecord @0xd80c99294fb3f8e2 {
  # An account.
  account @0 :UInt64;
  tenantId @1 :Text;
  parent @2 :UInt64;  # of a sub-account, else 0
  version @3 :UInt64;
}

struct OpenAccountRequest @0xc692c5116b98b3ce {
  # Opens an account; the same again is done again.
  record @0 :AccountRecord;
  reason @1 :Text;
}

struct KillSwitch @0xcebc1dd14bb87415 {
  # Blocks new orders and cancels what rests, while it is on.
  scope @0 :Administration.Scope;
  target @1 :Text;  # the tenant, account or instrument (its symbol or number); empty of the venue
  on @2 :Bool;
  version @3 :UInt64;
}

struct SetKillSwitchRequest @0x8f92e5aa53af85c1 {
  # Throws a kill switch, or takes it back.
  killSwitch @0 :KillSwitch;
  reason @1 :Text;
}

struct ExplainRequest @0xc3ef8c498b949884 {
  # Says why, before the commands of this correlation id are sent.
  correlationId @0 :Text;
  reason @1 :Text;
}

struct ExplainReply @0xd78a693cf5fd26bb {
  # It is written down.
  correlationId @0 :Text;
}
