# Events: the envelope that leaves the bus, what lies in a record of the event log, and payloads that are events' own.
# Every other payload is a struct of its domain; the catalogue (docs/events.md) says which.
@0xa9dc7c79dfd9bd2a;

using Admin = import "../admin/admin.capnp";
using Administration = import "../administration/administration.capnp";
using Executions = import "../executions/executions.capnp";
using Instruments = import "../instruments/instruments.capnp";
using Marketdata = import "../marketdata/marketdata.capnp";
using Orders = import "../orders/orders.capnp";
using Queries = import "../queries/queries.capnp";

struct Entity @0x842d9671307c09d9 {
  # What an event is about.
  entityType @0 :Text;  # "Trade"
  entityId @1 :Text;
  sequence @2 :UInt64;  # grows with every event of the entity; on a hot stream it is the stream's own, without a gap
}

struct EventEnvelope @0x9459e84530d85753 {
  # The ten fields of every event.
  eventId @0 :Text;  # a UUID: version 7 with milliseconds, 12 bits of stream, 62 bits of sequence
  eventType @1 :Text;  # of the catalogue, as the version
  eventVersion @2 :UInt16;
  occurredAt @3 :Int64;  # [ns] since 1970
  producer @4 :Text;  # a service
  tenantId @5 :Text;
  correlationId @6 :Text;
  causationId @7 :Text;  # the event or command that caused it
  entity @8 :Entity;
  payload @9 :Data;  # a message of the struct that the catalogue names
}

struct EventFrame @0xb35ef89882d820f2 {
  # A record of the event log: events of one kind; BatchHeader is the record's own head. Unpacked, at most 4 MiB. Rows
  # (all but envelopes) lie in one segment, as in the core: the root, the rows, the tenants, and nothing else.
  schemaVersion @0 :UInt16;  # 1
  reserved @1 :UInt16;  # zero
  count @2 :UInt32;  # of the list
  union {
    unset @3 :Void;
    envelopes @4 :List(EventEnvelope);
    reports @5 :List(Executions.ExecutionReport);
    answers @6 :List(Executions.Answer);
    trades @7 :List(TradeExecuted);
    settlements @10 :List(TradeSettled);
  }
  journalSequence @8 :UInt64;  # rows: of the command that the last of them follows from; else 0
  tenants @9 :List(UInt32);  # reports and answers: of each; else empty
}

struct TradeExecuted @0xbf591a0a2d9a0bbd {
  # A match of two orders, once. In an auction neither is a taker: the seller stands in the taker's place.
  tradeId @0 :UInt64;  # from 1, gapless over the venue
  sequence @1 :UInt64;  # of the journal, of the command that caused it
  timestamp @2 :Int64;  # [ns] journaled time
  price @3 :Int64;  # [ticks]
  qty @4 :Int64;  # [lots]
  takerOrderId @5 :UInt64;
  makerOrderId @6 :UInt64;
  takerAccount @7 :UInt64;
  makerAccount @8 :UInt64;
  takerFee @9 :Int64;  # [minor units of takerFeeAsset] negative: a rebate
  makerFee @10 :Int64;  # [minor units of makerFeeAsset] negative: a rebate
  instrumentId @11 :UInt32;
  takerTenant @12 :UInt32;
  makerTenant @13 :UInt32;
  takerFeeAsset @14 :UInt32;
  makerFeeAsset @15 :UInt32;
  takerSide @16 :Orders.Side;
  auction @17 :UInt16;  # 1: of an auction
  correlationId0 @18 :UInt64;  # [ASCII] of the command that caused it; empty where nobody's did
  correlationId1 @19 :UInt64;  # [ASCII]
  correlationId2 @20 :UInt64;  # [ASCII]
  correlationId3 @21 :UInt64;  # [ASCII]
  correlationId4 @22 :UInt64;  # [ASCII]
  makerLeavesQty @23 :Int64;  # [lots] what the orders had left after it
  takerLeavesQty @24 :Int64;  # [lots]
  unposted @25 :UInt16;  # 1: it waits for its settlement, and its fees are the most that they may be
}

struct DeadLetter @0xcd0355b88771b0b1 {
  # An event that a consumer could not take, with why.
  original @0 :EventEnvelope;
  topic @1 :Text;  # where it was read
  offset @2 :UInt64;  # of its record there
  consumerGroup @3 :Text;
  consumerVersion @4 :Text;  # of the program
  reason @5 :Text;  # the class of the error: validation, transient
  error @6 :Text;  # for people
  attempts @7 :UInt32;
  failedAt @8 :Int64;  # [ns] since 1970
}

struct ChangeRefused @0xfe8a95cf0236c573 {
  # What an administrator wished and the venue refused; one of the two commands.
  reject @0 :UInt16;  # why
  instrument @1 :Instruments.InstrumentCommand;
  administration @2 :Administration.AdminCommand;
}

struct ChangeExplained @0xe1c59c1529d9bd9c {
  # Why the commands of a correlation id are sent.
  correlationId @0 :Text;
  reason @1 :Text;
  actor @2 :Text;  # who says so
}

struct TenantSet @0xde0688da81106cb8 {
  # A tenant as it is from now on.
  record @0 :Admin.TenantRecord;
  actor @1 :Text;
  reason @2 :Text;
}

struct ProviderSet @0xd5ed457130a05870 {
  # A liquidity provider as it is from now on.
  record @0 :Admin.ProviderRecord;
  actor @1 :Text;
  reason @2 :Text;
}

struct FeeScheduleSet @0xd528b78409943db0 {
  # A fee schedule as it is from now on.
  record @0 :Admin.FeeScheduleRecord;
  actor @1 :Text;
  reason @2 :Text;
}

struct TradeSettled @0xb00f5b53c878e2c2 {
  # A trade whose money, goods and fees have changed hands.
  tradeId @0 :UInt64;
  instrumentId @1 :UInt32;
  buyerTenant @2 :UInt32;
  price @3 :Int64;  # [ticks]
  qty @4 :Int64;  # [lots]
  buyer @5 :UInt64;  # account
  seller @6 :UInt64;  # account
  sellerTenant @7 :UInt32;
  buyerFeeAsset @8 :UInt32;
  sellerFeeAsset @9 :UInt32;
  cost @10 :Int64;  # [minor units of quote] from the buyer to the seller
  goods @11 :Int64;  # [minor units of base] from the seller to the buyer
  buyerFee @12 :Int64;  # [minor units of buyerFeeAsset] negative: a rebate
  sellerFee @13 :Int64;  # [minor units of sellerFeeAsset] negative: a rebate
  tradedAt @14 :Int64;  # [ns] journaled time
  settledAt @15 :Int64;  # [ns] journaled time
  sequence @16 :UInt64;  # of the command that posted it
  correlationId0 @17 :UInt64;  # [ASCII] of the trade; empty where nobody's caused it
  correlationId1 @18 :UInt64;  # [ASCII]
  correlationId2 @19 :UInt64;  # [ASCII]
  correlationId3 @20 :UInt64;  # [ASCII]
  correlationId4 @21 :UInt64;  # [ASCII]
}

struct IdentityChanged @0xe75a2e199b58ba8d {
  # A user, session, key of a program or key that signs tokens, from now on. No secret of any of them.
  subjectId @0 :Text;
  name @1 :Text;  # of the user or the key
  userId @2 :Text;  # whose it is; empty: an operator's
  roles @3 :List(Text);  # of a user
  scopes @4 :List(Text);  # of a key
  reason @5 :Text;
  actor @6 :Text;  # who did it
}

struct MarketDataUpdated @0x93ffa104fa6bd4f5 {
  # A candle as it is from now on: the last of its interval that is told is what it stays.
  symbol @0 :Text;
  instrumentId @1 :UInt32;
  intervalNs @2 :Int64;  # [ns] of the candle
  bar @3 :Marketdata.PriceBar;
  quoteVolumeHigh @4 :Int64;  # [ticks x lots] quote volume = high x 2^32 + low
  quoteVolumeLow @5 :Int64;
  lastTradeId @6 :UInt64;  # of the instrument, as this was told
}

struct OrderBookUpdated @0xdb8706b21b50ffa5 {
  # The ten best levels of each side as they are from now on, best first.
  symbol @0 :Text;
  instrumentId @1 :UInt32;
  checksum @2 :UInt32;  # [CRC32] as of BookUpdate
  sequence @3 :UInt64;  # [journal sequence] as of which it is so
  tsNs @4 :Int64;  # [ns] journaled time of sequence
  bids @5 :List(Queries.LevelRow);
  asks @6 :List(Queries.LevelRow);
}
