# AdminService: UpsertInstrument, ListInstruments, UpsertTenant, ListTenants, SetLimits, GetLimits. An upsert that names a
# version is refused where another was meanwhile (ABORTED); 0 is any.
@0xcbe1c11400a4d214;

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
