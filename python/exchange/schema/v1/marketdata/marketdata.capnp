# MarketDataService: GetSnapshot, GetHistory, StreamTicks. Instruments are asked for by symbol; prices are ticks of the
# instrument, quantities lots, times ns. A request without symbols is refused.
@0xeb667f65ddddfddd;

struct MarketTick @0xe1194586e4b03e83 {
  # The best bid and ask of an instrument, and its last trade.
  symbol @0 :Text;
  instrumentId @1 :UInt32;
  stale @2 :Bool;  # nothing was heard of the venue for longer than it may be silent
  sequence @3 :UInt64;  # of the instrument's ticks, without a gap where none was left out
  tsNs @4 :Int64;  # [ns]
  bidPrice :union {
    unset @5 :Void;
    ticks @6 :Int64;  # [ticks]
  }
  askPrice :union {
    unset @7 :Void;
    ticks @8 :Int64;  # [ticks]
  }
  lastPrice :union {
    unset @9 :Void;
    ticks @10 :Int64;  # [ticks]
  }
  bidQty @11 :Int64;  # [lots]
  askQty @12 :Int64;  # [lots]
  lastQty @13 :Int64;  # [lots]
  venue @14 :Text;  # where it comes from
  ageNs @15 :Int64;  # [ns] since it was certainly so, where it is stale; else 0
}

struct PriceBar @0xf30e0aad627e9419 {
  # Open, high, low, close and volume of one interval.
  startNs @0 :Int64;  # [ns]
  openPrice @1 :Int64;  # [ticks]
  highPrice @2 :Int64;  # [ticks]
  lowPrice @3 :Int64;  # [ticks]
  closePrice @4 :Int64;  # [ticks]
  volume @5 :Int64;  # [lots]
  trades @6 :UInt64;
}

struct GetSnapshotRequest @0xd7069e82fa1ec8ef {
  # Asks for one tick of each instrument.
  symbols @0 :List(Text);
}

struct GetSnapshotReply @0xa7e8376eb49c62f2 {
  # In the order in which they were asked for.
  ticks @0 :List(MarketTick);
}

struct GetHistoryRequest @0xf852f72faaf0f38c {
  # Asks for bars of an instrument.
  symbol @0 :Text;
  fromNs @1 :Int64;  # [ns] of the first bar's start
  untilNs @2 :Int64;  # [ns] bars start before; 0: now
  intervalNs @3 :Int64;  # [ns] of a bar
  limit @4 :UInt32;  # bars at most; 0: as many as the server gives
}

struct GetHistoryReply @0x96a1414aa917d411 {
  # The bars, oldest first.
  bars @0 :List(PriceBar);
  more @1 :Bool;  # further ones follow: ask from the last bar's start and one interval
}

struct StreamTicksRequest @0x9d7a7aace506bd46 {
  # First a tick of each as it is, then those that come, until cancelled.
  symbols @0 :List(Text);
  intervalMsMin @1 :UInt32;  # [ms] between two ticks of an instrument, the newest of those that came; 0: all of them
}
