# Orders: what a client wishes of the book. Prices are ticks, quantities lots, money minor units, times ns since 1970 UTC.
@0xfdb0afd6c1aab92e;

enum OrderAction @0xb91f45f5c8612803 {
  unset @0;
  newOrder @1;
  replace @2;  # FIX OrderCancelReplaceRequest
  cancel @3;
  massCancel @4;  # of an account, or of what `present` names of it
}

enum Side @0xe93e0fb89d490bdd {
  unset @0;
  buy @1;
  sell @2;
}

enum OrderType @0x9ed8a8c4b3456bee {
  unset @0;
  limit @1;
  market @2;
  marketToLimit @3;
  stop @4;
  stopLimit @5;
  trailingStop @6;
  trailingStopLimit @7;
  pegged @8;
}

enum TimeInForce @0xf00410915667412e {
  unset @0;
  day @1;
  gtc @2;
  gtd @3;
  ioc @4;
  fok @5;
  atOpen @6;
  atClose @7;
}

enum StpMode @0xde5dde029457a2f9 {
  # Self-trade prevention. Zero is a mode of its own.
  none @0;
  cancelNewest @1;
  cancelOldest @2;
  cancelBoth @3;
  decrement @4;
}

enum Peg @0xb9b7bd2d539737f5 {
  unset @0;
  primary @1;
  midpoint @2;
}

struct OrderCommand @0xcb4aabab2c052522 {
  # One wish. Ids of clients are up to 40 ASCII bytes, padded with zeros: 16 in the head, 24 in the tail, so that short
  # ids make short frames. What a plain limit order needs lies first.
  kind @0 :OrderAction;
  side @1 :Side;
  type @2 :OrderType;
  timeInForce @3 :TimeInForce;
  instrumentId @4 :UInt32;
  stpMode @5 :StpMode;
  present @6 :UInt16;  # [OrderField bits] which optional fields carry a value
  account @7 :UInt64;
  sentAt @8 :Int64;  # [ns] the client's clock; with the client order id it names the request
  qty @9 :Int64;  # [lots]
  price @10 :Int64;  # [ticks]
  orderId @11 :UInt64;  # replace, cancel: the target, 0 where origClientOrderId names it
  clientOrderIdHead0 @12 :UInt64;  # [ASCII] FIX ClOrdID (11)
  clientOrderIdHead1 @13 :UInt64;  # [ASCII]
  correlationIdHead0 @14 :UInt64;  # [ASCII]
  correlationIdHead1 @15 :UInt64;  # [ASCII]
  session @16 :UInt32;  # the sequencer's: what a client writes here is overwritten
  flags @17 :UInt16;  # [OrderFlag bits] post only, reduce only, hidden
  peg @18 :Peg;
  tenant @19 :UInt32;  # the sequencer's
  verdict @20 :UInt32;  # [RejectCode] the sequencer's: of the stage elsewhere that refused the order; 0: none did
  origClientOrderIdHead0 @21 :UInt64;  # [ASCII] FIX OrigClOrdID (41)
  origClientOrderIdHead1 @22 :UInt64;  # [ASCII]
  clientOrderIdTail0 @23 :UInt64;  # [ASCII]
  clientOrderIdTail1 @24 :UInt64;  # [ASCII]
  clientOrderIdTail2 @25 :UInt64;  # [ASCII]
  correlationIdTail0 @26 :UInt64;  # [ASCII]
  correlationIdTail1 @27 :UInt64;  # [ASCII]
  correlationIdTail2 @28 :UInt64;  # [ASCII]
  origClientOrderIdTail0 @29 :UInt64;  # [ASCII]
  origClientOrderIdTail1 @30 :UInt64;  # [ASCII]
  origClientOrderIdTail2 @31 :UInt64;  # [ASCII]
  stopPrice @32 :Int64;  # [ticks]
  trail @33 :Int64;  # [ticks]
  offset @34 :Int64;  # [ticks] of a peg, or from a trailing stop to its limit
  displayQty @35 :Int64;  # [lots]
  minQty @36 :Int64;  # [lots]
  expireAt @37 :Int64;  # [ns]
  stpGroup @38 :UInt64;
  quoteQty @39 :Int64;  # [minor units of the quote asset] market buy: spend this much instead of a qty
}
