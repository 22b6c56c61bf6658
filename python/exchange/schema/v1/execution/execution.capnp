# ExecutionService: ExecuteTrade, GetTrade. Prices are ticks of the instrument, quantities lots, times ns.
@0xc5c5b99f8d727292;

using Orders = import "../orders/orders.capnp";

enum TradeStatus @0x927d5720add71952 {
  # How far a requested trade is.
  unset @0;
  pending @1;  # risk decides, or a quote's provider may still look
  working @2;  # an order of it is in the book
  executed @3;
  rejected @4;
  cancelled @5;  # what was not executed; see cumQty
}

struct ExecuteTradeRequest @0xc805041994818090 {
  # Against a quote where quoteId is given, otherwise in the book.
  requestId @0 :Text;  # asked again with the same content it gets the first answer
  symbol @1 :Text;
  side @2 :Orders.Side;
  type @3 :Orders.OrderType;
  timeInForce @4 :Orders.TimeInForce;
  account @5 :UInt64;
  orderQty @6 :Int64;  # [lots]
  price :union {
    unset @7 :Void;
    ticks @8 :Int64;  # [ticks]
  }
  rfqId @9 :Text;
  quoteId @10 :Text;
}

struct GetTradeRequest @0x99f62647b2be237c {
  # Asks for a trade.
  tradeId @0 :Text;
}

struct TradeState @0xaac1c12542fe081b {
  # A requested trade as it is now.
  tradeId @0 :Text;
  requestId @1 :Text;
  symbol @2 :Text;
  side @3 :Orders.Side;
  status @4 :TradeStatus;
  reject @5 :UInt16;  # [RejectCode] where rejected
  account @6 :UInt64;
  orderQty @7 :Int64;  # [lots] as risk approved it
  cumQty @8 :Int64;  # [lots]
  averagePrice :union {
    unset @9 :Void;
    ticks @10 :Int64;  # [ticks] rounded half to even
  }
  counterparty @11 :Text;
  reason @12 :Text;  # where rejected or cancelled
  tsNs @13 :Int64;  # [ns] of the last change
  version @14 :UInt64;
}
