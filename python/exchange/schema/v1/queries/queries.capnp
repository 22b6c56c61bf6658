# Queries. The first four structs go over the order socket and are answered by the core: one order, one balance. All
# others are messages of an RPC: those that begin with History to the history service, those that begin with Market to the
# market data service, those that begin with Admin to the admin service, the rest to the read replica. There `minSeq` is
# the journal sequence that the answer must have seen (0: any), and `sequence` the one that it has seen; `after` is the
# last key of the page before (0: the first page), `limit` the most rows (0: as many as the server gives), and `more` says
# that another page follows.
@0xaceb0f2d089f0aa5;

using Posttrade = import "../posttrade/posttrade.capnp";
using Executions = import "../executions/executions.capnp";
using Instruments = import "../instruments/instruments.capnp";
using Orders = import "../orders/orders.capnp";
using Sessions = import "../sessions/sessions.capnp";

struct OrderQuery @0x9321698257c84d1e {
  # By orderId, or where that is 0 by client order id.
  account @0 :UInt64;
  orderId @1 :UInt64;
  clientOrderId0 @2 :UInt64;  # [ASCII]
  clientOrderId1 @3 :UInt64;  # [ASCII]
  clientOrderId2 @4 :UInt64;  # [ASCII]
  clientOrderId3 @5 :UInt64;  # [ASCII]
  clientOrderId4 @6 :UInt64;  # [ASCII]
  request @7 :UInt64;  # comes back in the answer
}

struct OrderState @0xf5d9020436bae113 {
  request @0 :UInt64;
  account @1 :UInt64;
  orderId @2 :UInt64;
  instrumentId @3 :UInt32;
  side @4 :Orders.Side;
  type @5 :Orders.OrderType;
  timeInForce @6 :Orders.TimeInForce;
  orderStatus @7 :Executions.OrderStatus;
  reject @8 :UInt16;  # [RejectCode] 0: here it is
  flags @9 :UInt16;  # [ReportFlag bits] price, stop price
  orderQty @10 :Int64;  # [lots]
  cumQty @11 :Int64;  # [lots]
  leavesQty @12 :Int64;  # [lots]
  price @13 :Int64;  # [ticks] where flags say so
  stopPrice @14 :Int64;  # [ticks] where flags say so
  reservedAmount @15 :Int64;  # [minor units of reservedAsset]
  reservedAsset @16 :UInt32;
  padding @17 :UInt32;  # zero
  clientOrderId0 @18 :UInt64;  # [ASCII]
  clientOrderId1 @19 :UInt64;  # [ASCII]
  clientOrderId2 @20 :UInt64;  # [ASCII]
  clientOrderId3 @21 :UInt64;  # [ASCII]
  clientOrderId4 @22 :UInt64;  # [ASCII]
  sequence @23 :UInt64;  # of the journal: as of
  enteredAt @24 :Int64;  # [ns] journaled time
}

struct BalanceQuery @0x88ae809d982103ac {
  request @0 :UInt64;  # comes back in the answer
  account @1 :UInt64;
  asset @2 :UInt32;
  padding @3 :UInt32;  # zero
}

struct BalanceState @0x8e2d1d6d58b2130f {
  request @0 :UInt64;
  account @1 :UInt64;
  asset @2 :UInt32;
  reject @3 :UInt16;  # [RejectCode] 0: here it is
  padding @4 :UInt16;  # zero
  total @5 :Int64;  # [minor units]
  reserved @6 :Int64;  # [minor units] of that total
  version @7 :UInt64;
  sequence @8 :UInt64;  # of the journal: as of
}

# Orders

struct OrderRow @0xfcf5a0e1efb20f84 {
  orderId @0 :UInt64;
  account @1 :UInt64;
  instrumentId @2 :UInt32;
  clientOrderId @3 :Text;
  side @4 :Orders.Side;
  type @5 :Orders.OrderType;
  timeInForce @6 :Orders.TimeInForce;
  orderStatus @7 :Executions.OrderStatus;
  orderQty @8 :Int64;  # [lots]
  cumQty @9 :Int64;  # [lots]
  leavesQty @10 :Int64;  # [lots]
  price :union {
    unset @11 :Void;
    ticks @12 :Int64;  # [ticks]
  }
  stopPrice :union {
    unset @13 :Void;
    ticks @14 :Int64;  # [ticks]
  }
  displayQty :union {
    unset @15 :Void;
    lots @16 :Int64;  # [lots]
  }
  expireAt :union {
    unset @17 :Void;
    ns @18 :Int64;  # [ns]
  }
  averagePrice :union {
    # Of what traded; the notional over the quantity, rounded half to even.
    unset @19 :Void;
    ticks @20 :Int64;  # [ticks]
  }
  flags @21 :UInt16;  # [OrderFlag bits]
  reject @22 :UInt16;  # [RejectCode] of a rejected order
  cancelReason @23 :UInt16;  # [CancelReason] of a canceled order
  reservedAsset @24 :UInt32;
  reservedAmount @25 :Int64;  # [minor units of reservedAsset]
  enteredAt @26 :Int64;  # [ns] journaled time
  updatedAt @27 :Int64;  # [ns] journaled time
  sequence @28 :UInt64;  # of the last command that changed it
}

struct OpenOrdersRequest @0xe59f6efef811ce54 {
  minSeq @0 :UInt64;
  account @1 :UInt64;
  instrumentId @2 :UInt32;  # 0: all
  after @3 :UInt64;  # [orderId]
  limit @4 :UInt32;
}

struct OpenOrdersReply @0x8e2aa0af20486d9a {
  sequence @0 :UInt64;
  orders @1 :List(OrderRow);  # by orderId, ascending
  more @2 :Bool;
}

struct OrderHistoryRequest @0xc837ba1b92d6af0f {
  # The last 10,000 orders of an account, the newest first.
  minSeq @0 :UInt64;
  account @1 :UInt64;
  instrumentId @2 :UInt32;  # 0: all
  orderStatus @3 :Executions.OrderStatus;  # unset: any
  clientOrderId @4 :Text;  # empty: any
  orderId @5 :UInt64;  # 0: any
  fromNs @6 :Int64;  # [ns] enteredAt, at least
  toNs @7 :Int64;  # [ns] enteredAt, below; 0: now
  after @8 :UInt64;  # [orderId] rows are below it
  limit @9 :UInt32;
}

struct OrderHistoryReply @0xa4a44cdee9288609 {
  sequence @0 :UInt64;
  orders @1 :List(OrderRow);  # by orderId, descending
  more @2 :Bool;
}

# Money

struct BalanceRow @0xdfcc9ec88720f8e5 {
  asset @0 :UInt32;
  symbol @1 :Text;
  scale @2 :UInt16;  # [decimals] of one minor unit
  total @3 :Int64;  # [minor units]
  available @4 :Int64;  # [minor units]
  reserved @5 :Int64;  # [minor units]
  version @6 :UInt64;
}

struct BalancesRequest @0x8c9c1391104f703c {
  minSeq @0 :UInt64;
  account @1 :UInt64;
}

struct BalancesReply @0x8b65de60274956ba {
  sequence @0 :UInt64;
  balances @1 :List(BalanceRow);  # by asset
}

struct ReservationRow @0xd22822d2c3740fdf {
  # Of an order (orderId) or of a reserve command (reservationId).
  asset @0 :UInt32;
  amount @1 :Int64;  # [minor units]
  orderId @2 :UInt64;  # 0: of a reserve
  reservationId0 @3 :UInt64;  # low word
  reservationId1 @4 :UInt64;  # high word
  expireAt :union {
    unset @5 :Void;
    ns @6 :Int64;  # [ns]
  }
}

struct ReservationsRequest @0xa61e193bb4b7b302 {
  minSeq @0 :UInt64;
  account @1 :UInt64;
  asset :union {
    # Unset: all.
    unset @2 :Void;
    id @3 :UInt32;
  }
}

struct ReservationsReply @0xc3c01e6065f0aa0c {
  sequence @0 :UInt64;
  reservations @1 :List(ReservationRow);
}

struct PositionRow @0xd3530ee0bd90a382 {
  instrumentId @0 :UInt32;
  position @1 :Int64;  # [lots] below zero: short
  openBuyQty @2 :Int64;  # [lots] of live orders
  openSellQty @3 :Int64;  # [lots]
  openOrders @4 :UInt32;
  grossNotional @5 :Int64;  # [minor units of the quote asset]
  netNotional @6 :Int64;  # [minor units of the quote asset]
  dailyResult @7 :Int64;  # [minor units of the quote asset] since the day began; below zero: a loss
}

struct PositionsRequest @0xf42434d07364f704 {
  minSeq @0 :UInt64;
  account @1 :UInt64;
}

struct PositionsReply @0xc06c064b923b1139 {
  sequence @0 :UInt64;
  positions @1 :List(PositionRow);  # by instrumentId
}

# Limits

enum LimitKind @0xfb95f668c1790741 {
  unset @0;
  orderQty @1;
  orderNotional @2;
  openOrders @3;
  position @4;
  grossNotional @5;
  netNotional @6;
  dailyLoss @7;
  collar @8;
  orderRate @9;
  duplicateWindow @10;
}

struct LimitRow @0xaec43db815b8bf68 {
  kind @0 :LimitKind;
  account @1 :UInt64;  # 0: set for every account
  instrumentId @2 :UInt32;  # 0: set for every instrument
  value @3 :Int64;  # in the unit of its kind, as in AdminCommand
  interval @4 :Int64;  # [ns] of an orderRate
}

struct LimitsRequest @0xeaa8230994edac14 {
  minSeq @0 :UInt64;
  account @1 :UInt64;
  instrumentId @2 :UInt32;  # 0: all
}

struct LimitsReply @0xb296e56666b28faa {
  sequence @0 :UInt64;
  limits @1 :List(LimitRow);
}

# Books and trades

struct LevelRow @0x8e2da0257af78756 {
  price @0 :Int64;  # [ticks]
  qty @1 :Int64;  # [lots] displayed
  count @2 :UInt32;  # [orders]
}

struct BookTopRequest @0xfca4ca3f4fdd9793 {
  # L1.
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;
}

struct BookTopReply @0x903d58878ec2620b {
  sequence @0 :UInt64;
  tsNs @1 :Int64;  # [ns] journaled time
  phase @2 :Instruments.Phase;
  bid @3 :LevelRow;  # null: there is none
  ask @4 :LevelRow;  # null: there is none
  last :union {
    unset @5 :Void;
    ticks @6 :Int64;  # [ticks]
  }
}

struct BookLevelsRequest @0x9468a96a8595c83d {
  # L2.
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;
  depth @2 :UInt32;  # [levels] of a side; 0: all
}

struct BookLevelsReply @0xe9f6f3bd41f867c5 {
  sequence @0 :UInt64;
  tsNs @1 :Int64;  # [ns] journaled time
  bids @2 :List(LevelRow);  # best first
  asks @3 :List(LevelRow);  # best first
}

struct BookOrderRow @0xfd2281e3bf95bf69 {
  orderId @0 :UInt64;
  price @1 :Int64;  # [ticks]
  qty @2 :Int64;  # [lots] displayed
}

struct BookOrdersRequest @0xe0344a1483e37e7c {
  # L3.
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;
  limit @2 :UInt32;  # [orders] of a side; 0: all
}

struct BookOrdersReply @0xa873b39a8efc08bc {
  sequence @0 :UInt64;
  tsNs @1 :Int64;  # [ns] journaled time
  bids @2 :List(BookOrderRow);  # best first, then by time
  asks @3 :List(BookOrderRow);  # best first, then by time
}

struct TradeRow @0xb26013e05cdb83ec {
  tradeId @0 :UInt64;
  instrumentId @1 :UInt32;
  tsNs @2 :Int64;  # [ns] journaled time
  sequence @3 :UInt64;  # of the taker's command
  price @4 :Int64;  # [ticks]
  qty @5 :Int64;  # [lots]
  takerSide @6 :Orders.Side;  # unset: an auction's
  fill @7 :FillRow;  # the asking account's side of it; null where none was asked for
}

struct FillRow @0xc60974754afd0c2a {
  orderId @0 :UInt64;
  side @1 :Orders.Side;
  liquidity @2 :Executions.Liquidity;
  fee @3 :Int64;  # [minor units of feeAsset] below zero: a rebate
  feeAsset @4 :UInt32;
}

struct TradesRequest @0xa08ad9d873b30cd7 {
  # Of an instrument, or of an account with its fills.
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;  # 0: all
  account @2 :UInt64;  # 0: everybody's, without fills
  after @3 :UInt64;  # [tradeId] rows are below it
  limit @4 :UInt32;
}

struct TradesReply @0xdd81e6003ea8bfeb {
  sequence @0 :UInt64;
  trades @1 :List(TradeRow);  # the newest first
  more @2 :Bool;
}

# Instruments, accounts, status

struct AssetRow @0xc5e0a3c677413761 {
  asset @0 :UInt32;
  symbol @1 :Text;
  scale @2 :UInt16;  # [decimals] of one minor unit
}

struct InstrumentRow @0xca659d0dd7e7b338 {
  instrumentId @0 :UInt32;
  symbol @1 :Text;
  instrumentKind @2 :Instruments.InstrumentKind;
  base @3 :UInt32;  # [asset]
  quote @4 :UInt32;  # [asset]
  phase @5 :Instruments.Phase;
  feeMode @6 :Instruments.FeeMode;
  priceScale @7 :UInt16;  # [decimals] one tick is 10^-priceScale
  qtyScale @8 :UInt16;  # [decimals] one lot is 10^-qtyScale
  makerRate @9 :Int64;  # [1e-9 of the notional]
  takerRate @10 :Int64;  # [1e-9 of the notional]
  tickStep @11 :Int64;  # [ticks]
  lotStep @12 :Int64;  # [lots]
  minPrice @13 :Int64;  # [ticks]
  maxPrice @14 :Int64;  # [ticks]
  maxQty @15 :Int64;  # [lots]
  maxNotional @16 :Int64;  # [ticks x lots]
  reference :union {
    unset @17 :Void;
    ticks @18 :Int64;  # [ticks]
  }
  mark :union {
    unset @19 :Void;
    ticks @20 :Int64;  # [ticks]
  }
  last :union {
    unset @21 :Void;
    ticks @22 :Int64;  # [ticks]
  }
}

struct InstrumentsRequest @0x9bc3c4e36778247c {
  minSeq @0 :UInt64;
}

struct InstrumentsReply @0xaa5fd92cd5943a35 {
  sequence @0 :UInt64;
  assets @1 :List(AssetRow);
  instruments @2 :List(InstrumentRow);
}

struct AccountRow @0x895336cf5550abdf {
  account @0 :UInt64;
  tenant @1 :UInt32;
  parent @2 :UInt64;  # of a sub-account, else 0
  killed @3 :Bool;
  openOrders @4 :UInt32;
  countdownAt :union {
    unset @5 :Void;
    ns @6 :Int64;  # [ns] when its orders are cancelled
  }
}

struct AccountsRequest @0xd1e34e55352804be {
  minSeq @0 :UInt64;
  account @1 :UInt64;  # 0: all of the tenant's
  after @2 :UInt64;  # [account]
  limit @3 :UInt32;
}

struct AccountsReply @0x84e72e3b102ab863 {
  sequence @0 :UInt64;
  accounts @1 :List(AccountRow);  # by account
  more @2 :Bool;
}

struct StatusRequest @0x84b8a9e133fab08b {
  minSeq @0 :UInt64;
  withHash @1 :Bool;  # which takes time that grows with the state
}

struct StatusReply @0xb07fbb08b1c6e6cb {
  epoch @0 :UInt64;
  sequence @1 :UInt64;
  durableSequence @2 :UInt64;
  eventSequence @3 :UInt64;
  tsNs @4 :Int64;  # [ns] journaled time
  durability @5 :Sessions.Durability;
  readOnly @6 :Bool;
  killed @7 :Bool;  # the whole venue
  stageAway @8 :Bool;  # the matching stage cannot be reached
  liveOrders @9 :UInt64;
  queuedOrders @10 :UInt64;
  accounts @11 :UInt64;
  sessions @12 :UInt64;
  stateHash @13 :UInt64;  # at `sequence`, where it was asked for; else 0
  version @14 :Text;
  trades @15 :UInt64;  # ever made: the tradeId of the last one
  unpostedTrades @16 :UInt64;  # that wait for a settlement service
  settledByService @17 :Bool;  # trades are posted by one; else as they are made
}

# Order history: every order and every execution

struct InstrumentScales @0x9ebd05aea1d9ef9b {
  # What turns ticks and lots into decimals.
  instrumentId @0 :UInt32;
  symbol @1 :Text;
  base @2 :UInt32;  # [asset]
  quote @3 :UInt32;  # [asset]
  priceScale @4 :UInt16;  # [decimals] one tick is 10^-priceScale
  qtyScale @5 :UInt16;  # [decimals] one lot is 10^-qtyScale
  tickStep @6 :Int64;  # [ticks]
  lotStep @7 :Int64;  # [lots]
}

struct HistoryOrderRow @0xa1b7991193e3fd74 {
  enteredSequence @0 :UInt64;  # [eventSequence] of the report that entered it: the key of pages
  orderId @1 :UInt64;  # 0: it was rejected when it came
  clientOrderId @2 :Text;  # of the order as it is now
  origClientOrderId @3 :Text;  # the first one, where a replace gave it another
  tenant @4 :UInt32;
  account @5 :UInt64;
  instrumentId @6 :UInt32;
  side @7 :Orders.Side;
  type @8 :Orders.OrderType;
  timeInForce @9 :Orders.TimeInForce;
  orderStatus @10 :Executions.OrderStatus;
  orderQty @11 :Int64;  # [lots]
  cumQty @12 :Int64;  # [lots]
  leavesQty @13 :Int64;  # [lots]
  price :union {
    unset @14 :Void;
    ticks @15 :Int64;  # [ticks]
  }
  stopPrice :union {
    unset @16 :Void;
    ticks @17 :Int64;  # [ticks]
  }
  fills @18 :UInt32;  # how many executions
  notionalHigh @19 :Int64;  # [ticks x lots] of all executions, exactly: notionalHigh x 2^32 + notionalLow
  notionalLow @20 :UInt32;
  reject @21 :UInt16;  # [RejectCode] of a rejected order
  cancelReason @22 :UInt16;  # [CancelReason] of a canceled order
  enteredAt @23 :Int64;  # [ns] journaled time
  updatedAt @24 :Int64;  # [ns] journaled time
  sequence @25 :UInt64;  # of the last command that changed it
  correlationId @26 :Text;  # of the request that entered it
}

struct HistoryOrdersRequest @0xc5d451d0cb3fe5b7 {
  minSeq @0 :UInt64;
  account @1 :UInt64;  # 0: all that the caller may see
  instrumentId @2 :UInt32;  # 0: all
  orderId @3 :UInt64;  # 0: any
  clientOrderId @4 :Text;  # empty: any; the order's first or its newest
  orderStatus @5 :Executions.OrderStatus;  # unset: any
  side @6 :Orders.Side;  # unset: both
  fromNs @7 :Int64;  # [ns] enteredAt, at least
  toNs @8 :Int64;  # [ns] enteredAt, below; 0: now
  oldestFirst @9 :Bool;
  after @10 :UInt64;  # [enteredSequence] of the last row of the page before
  limit @11 :UInt32;
  symbol @12 :Text;  # of the instrument, where instrumentId is 0; empty: all
}

struct HistoryOrdersReply @0xa64f099f1041b237 {
  sequence @0 :UInt64;
  orders @1 :List(HistoryOrderRow);
  more @2 :Bool;
  instruments @3 :List(InstrumentScales);  # those that the rows name, as far as they are known now
  assets @4 :List(AssetRow);  # likewise
}

struct HistoryExecutionRow @0xd051e5a646866516 {
  # One side of a trade.
  execId @0 :UInt64;  # [eventSequence] of its report: the key of pages
  tradeId @1 :UInt64;
  orderId @2 :UInt64;
  clientOrderId @3 :Text;
  tenant @4 :UInt32;
  account @5 :UInt64;
  instrumentId @6 :UInt32;
  side @7 :Orders.Side;
  liquidity @8 :Executions.Liquidity;
  orderStatus @9 :Executions.OrderStatus;  # after it
  lastQty @10 :Int64;  # [lots]
  lastPrice @11 :Int64;  # [ticks]
  cumQty @12 :Int64;  # [lots]
  leavesQty @13 :Int64;  # [lots]
  fee @14 :Int64;  # [minor units of feeAsset] below zero: a rebate
  feeAsset @15 :UInt32;
  timestamp @16 :Int64;  # [ns] journaled time
  sequence @17 :UInt64;  # of the command that made it
  correlationId @18 :Text;  # of that command, where it is the order's session's
}

struct HistoryExecutionsRequest @0xd3c49054ca49e119 {
  minSeq @0 :UInt64;
  account @1 :UInt64;  # 0: all that the caller may see
  instrumentId @2 :UInt32;  # 0: all
  orderId @3 :UInt64;  # 0: any
  clientOrderId @4 :Text;  # empty: any; of the order, its first or its newest
  tradeId @5 :UInt64;  # 0: any
  side @6 :Orders.Side;  # unset: both
  liquidity @7 :Executions.Liquidity;  # unset: any
  fromNs @8 :Int64;  # [ns] timestamp, at least
  toNs @9 :Int64;  # [ns] timestamp, below; 0: now
  oldestFirst @10 :Bool;
  after @11 :UInt64;  # [execId] of the last row of the page before
  limit @12 :UInt32;
  symbol @13 :Text;  # of the instrument, where instrumentId is 0; empty: all
}

struct HistoryExecutionsReply @0xe704252f33e7467d {
  sequence @0 :UInt64;
  executions @1 :List(HistoryExecutionRow);
  more @2 :Bool;
  instruments @3 :List(InstrumentScales);  # those that the rows name, as far as they are known now
  assets @4 :List(AssetRow);  # likewise
}

struct MarketTradeRow @0xa9958805b44ca7ae {
  # A match of two orders, once, as everybody may see it.
  tradeId @0 :UInt64;  # the key of pages
  instrumentId @1 :UInt32;
  price @2 :Int64;  # [ticks]
  qty @3 :Int64;  # [lots]
  takerSide @4 :Orders.Side;  # of an auction: sell
  auction @5 :Bool;
  timestamp @6 :Int64;  # [ns] journaled time
  sequence @7 :UInt64;  # of the command that made it
  settled @8 :Bool;  # money and goods have changed hands
}

struct MarketTradesRequest @0xc16d2047e34c67db {
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;  # 0: all
  fromNs @2 :Int64;  # [ns] timestamp, at least
  toNs @3 :Int64;  # [ns] timestamp, below; 0: now
  oldestFirst @4 :Bool;
  after @5 :UInt64;  # [tradeId] of the last row of the page before
  limit @6 :UInt32;
}

struct MarketTradesReply @0x91d1306de80791e2 {
  sequence @0 :UInt64;
  trades @1 :List(MarketTradeRow);
  more @2 :Bool;
}

struct MarketCandleRow @0xa4c688033da540ff {
  # What was traded within one interval. Without a trade its four prices are the close before it.
  startNs @0 :Int64;  # [ns] a multiple of the interval since 1970, UTC
  openPrice @1 :Int64;  # [ticks]
  highPrice @2 :Int64;  # [ticks]
  lowPrice @3 :Int64;  # [ticks]
  closePrice @4 :Int64;  # [ticks]
  volume @5 :Int64;  # [lots]
  quoteVolumeHigh @6 :Int64;  # [ticks x lots] exactly: quoteVolumeHigh x 2^32 + quoteVolumeLow
  quoteVolumeLow @7 :UInt32;
  trades @8 :UInt64;
}

struct MarketCandlesRequest @0x8ea8d5f752094a60 {
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;
  intervalNs @2 :Int64;  # [ns] of a candle: 1s 1m 5m 15m 1h 4h 1d
  fromNs @3 :Int64;  # [ns] of the first candle's start
  toNs @4 :Int64;  # [ns] candles start before; 0: now
  limit @5 :UInt32;
}

struct MarketCandlesReply @0xd047d36031434558 {
  # Oldest first.
  sequence @0 :UInt64;
  candles @1 :List(MarketCandleRow);
  more @2 :Bool;  # further ones follow: ask from the last one's start and one interval
}

struct MarketTickerRow @0xb9fb6510c1f54592 {
  # 24 hours of an instrument: the 1,440 minutes that end with the current one.
  instrumentId @0 :UInt32;
  fromNs @1 :Int64;  # [ns]
  toNs @2 :Int64;  # [ns] the end of the last minute
  openPrice @3 :Int64;  # [ticks] of the first trade of them; where there was none, as the last one ever
  highPrice @4 :Int64;  # [ticks]
  lowPrice @5 :Int64;  # [ticks]
  volume @6 :Int64;  # [lots]
  quoteVolumeHigh @7 :Int64;  # [ticks x lots] exactly: quoteVolumeHigh x 2^32 + quoteVolumeLow
  quoteVolumeLow @8 :UInt32;
  trades @9 :UInt64;
  lastPrice @10 :Int64;  # [ticks] of the last trade before toNs
  lastQty @11 :Int64;  # [lots]
  lastSide @12 :Orders.Side;  # of its taker
  lastTradeId @13 :UInt64;
  lastAt @14 :Int64;  # [ns] journaled time
  bidPrice :union {
    unset @15 :Void;
    ticks @16 :Int64;  # [ticks] of the book as it is now; unset, too, where nobody can be asked
  }
  bidQty @17 :Int64;  # [lots]
  askPrice :union {
    unset @18 :Void;
    ticks @19 :Int64;  # [ticks]
  }
  askQty @20 :Int64;  # [lots]
}

struct MarketTickersRequest @0xf7f1b1593e5b05f5 {
  minSeq @0 :UInt64;
  instrumentId @1 :UInt32;  # 0: all that were ever traded
  atNs @2 :Int64;  # [ns] 0: now
  after @3 :UInt64;  # [instrumentId] of the last row of the page before
  limit @4 :UInt32;
}

struct MarketTickersReply @0x9d36886741bb0cdb {
  sequence @0 :UInt64;
  tickers @1 :List(MarketTickerRow);  # by instrument
  more @2 :Bool;
}

struct AdminChangeRow @0x82a960c8640f1ca4 {
  # A change that an administrator made, or wished and was refused.
  changeId @0 :Text;  # the key of pages: the id of its event, which grows with time
  changedAt @1 :Int64;  # [ns] since 1970; of the core's, journaled time
  change @2 :Text;  # the type of its event: "InstrumentDefined"
  entityType @3 :Text;
  entityId @4 :Text;
  who @5 :Text;
  why @6 :Text;  # empty: nobody said
  before @7 :Text;  # JSON, of what is changed; empty: there was nothing
  afterwards @8 :Text;  # JSON; of what was refused, what was wished
  reject @9 :UInt16;  # 0: carried out
  sequence @10 :UInt64;  # of the command in the journal; 0: the core has no command of it
  version @11 :UInt64;  # of the entity; what was refused has none
  correlationId @12 :Text;
}

struct AdminChangesRequest @0xfaf36073dd8c9e2f {
  minSeq @0 :UInt64;
  entityType @1 :Text;  # empty: all
  entityId @2 :Text;  # likewise
  who @3 :Text;  # likewise
  correlationId @4 :Text;  # likewise
  fromNs @5 :Int64;  # [ns] changedAt, at least
  toNs @6 :Int64;  # [ns] changedAt, below; 0: now
  refused @7 :Bool;  # only what was refused
  oldestFirst @8 :Bool;
  after @9 :Text;  # [changeId] of the last row of the page before
  limit @10 :UInt32;
}

struct AdminChangesReply @0x86458d36d3be17e8 {
  sequence @0 :UInt64;  # of the last command of the journal that is known to have changed something
  changes @1 :List(AdminChangeRow);
  more @2 :Bool;
}

struct SettlementRow @0xe8ed986f091f02e3 {
  # A trade, and what became of it. What concerns the side of another tenant is zero.
  tradeId @0 :UInt64;
  instrumentId @1 :UInt32;
  status @2 :Posttrade.SettlementStatus;  # pending, settled
  price @3 :Int64;  # [ticks]
  qty @4 :Int64;  # [lots]
  buyer @5 :UInt64;  # account
  seller @6 :UInt64;  # account
  buyerTenant @7 :UInt32;
  sellerTenant @8 :UInt32;
  cost @9 :Int64;  # [minor units of quote] from the buyer to the seller
  goods @10 :Int64;  # [minor units of base] from the seller to the buyer
  buyerFee @11 :Int64;  # [minor units of buyerFeeAsset] negative: a rebate
  sellerFee @12 :Int64;  # [minor units of sellerFeeAsset] negative: a rebate
  buyerFeeAsset @13 :UInt32;
  sellerFeeAsset @14 :UInt32;
  tradedAt @15 :Int64;  # [ns] journaled time
  settledAt @16 :Int64;  # [ns] journaled time; 0: not yet
  sequence @17 :UInt64;  # of the command that posted it; 0: not yet
}

struct SettlementsRequest @0x992f29ba5e8f0ebb {
  minSeq @0 :UInt64;
  tradeId @1 :UInt64;  # 0: all
  account @2 :UInt64;  # 0: all that the caller may see
  status @3 :Posttrade.SettlementStatus;  # unset: all
  oldestFirst @4 :Bool;
  after @5 :UInt64;  # [tradeId] of the last row of the page before
  limit @6 :UInt32;
}

struct SettlementsReply @0xc0945ccd181aee3e {
  sequence @0 :UInt64;  # of the last trade that was taken
  taken @1 :UInt64;  # trades up to this one have rows
  posted @2 :UInt64;  # and up to this one are settled
  settlements @3 :List(SettlementRow);
  more @4 :Bool;
}
