# PostTradeService: GetSettlement, ListSettlements, UpdateSettlementStatus. Money in minor units, dates as yyyymmdd.
@0x935032de0e9fd763;

using Orders = import "../orders/orders.capnp";

enum SettlementStatus @0x8c68b46d93858b6d {
  # How far the settlement of a trade is.
  unset @0;
  pending @1;
  confirmed @2;
  settled @3;
  failed @4;
  cancelled @5;
}

struct Settlement @0xd4ef2b3f921f66cc {
  # The settlement of one side of a trade.
  settlementId @0 :Text;
  tradeId @1 :Text;
  symbol @2 :Text;
  side @3 :Orders.Side;
  status @4 :SettlementStatus;
  valueDate @5 :UInt32;  # [yyyymmdd]
  account @6 :UInt64;
  quantity @7 :Int64;  # [lots]
  amount @8 :Int64;  # [minor units of currency] paid, negative where received
  currency @9 :Text;
  counterparty @10 :Text;
  reason @11 :Text;  # of the last change
  version @12 :UInt64;
  tsNs @13 :Int64;  # [ns] of the last change
}

struct GetSettlementRequest @0xce453465c5c1a7c0 {
  # Asks for the settlement of a trade.
  tradeId @0 :Text;
}

struct ListSettlementsRequest @0x883dd9245b29edb3 {
  # Asks for a page of settlements.
  status @0 :SettlementStatus;  # unset: all
  fromDate @1 :UInt32;  # [yyyymmdd] 0: from the first
  untilDate @2 :UInt32;  # [yyyymmdd] inclusive; 0: to the last
  limit @3 :UInt32;  # at most; 0: as many as the server gives
  account @4 :UInt64;  # 0: all of the tenant's
  after @5 :Text;  # the last settlementId of the page before
}

struct ListSettlementsReply @0xaf6fe9f59a82f828 {
  # A page of settlements, by id.
  settlements @0 :List(Settlement);
  more @1 :Bool;  # another page follows
}

struct UpdateSettlementStatusRequest @0xf33284919af45166 {
  # Moves a settlement on.
  requestId @0 :Text;  # asked again with the same content it gets the first answer
  tradeId @1 :Text;
  status @2 :SettlementStatus;
  expectedVersion @3 :UInt64;  # refused where another was meanwhile; 0: any
  reason @4 :Text;
}
