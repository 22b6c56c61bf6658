# MarketDataService: GetSnapshot, GetHistory, StreamTicks; beside it TickService: StreamTickRuns. Instruments are asked
# for by symbol; prices are ticks of the instrument, quantities lots, times ns. A request without symbols is refused.
@0xeb667f65ddddfddd;

using Orders = import "../orders/orders.capnp";

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

struct TickTrade @0xc5d1a3f04b7e9216 {
  # What a tick of a run has of its own.
  tsNs @0 :Int64;  # [ns]
  lastPrice @1 :Int64;  # [ticks]
  lastQty @2 :Int64;  # [lots]
}

struct TickRun @0x9b40d6c28f15ae73 {
  # Ticks of one instrument that follow each other and differ in their trades alone; StreamTickRuns tells no others.
  last @0 :MarketTick;
  before @1 :Data;  # TickTrade structs one behind the other: of the ticks right before the last one
}

# BookService: mirrors of the books. Positions in a book's history are journal sequences.

enum BookView @0xe3bcf2b548b70a2f {
  unset @0;
  levels @1;  # L2: what is shown at each price
  orders @2;  # L3: every order that is shown
}

enum BookUpdateKind @0xaf2e911b2e97e897 {
  unset @0;
  snapshot @1;
  delta @2;
}

enum BookAction @0x8ef03f139ebd0667 {
  unset @0;
  add @1;  # behind all others at its price
  set @2;  # another quantity, in the same place
  remove @3;
}

struct BookLevel @0xa74678bb09491d46 {
  # One price; in a delta what is there from now on: quantity and count 0 where nothing is.
  price @0 :Int64;  # [ticks]
  qty @1 :Int64;  # [lots] shown
  count @2 :UInt32;  # [orders] shown
  side @3 :Orders.Side;
}

struct BookOrder @0xec08719c5cad2027 {
  # One order, as the book shows it.
  orderId @0 :UInt64;
  price @1 :Int64;  # [ticks]
  qty @2 :Int64;  # [lots] shown
  side @3 :Orders.Side;
  action @4 :BookAction;  # of a delta
}

struct GetOrderBookRequest @0xd7c6f87a771cbf0a {
  # Asks for a book as it is.
  symbol @0 :Text;
  view @1 :BookView;  # unset: levels
  depth @2 :UInt32;  # [rows of a side] 0: all
  minSeq @3 :UInt64;  # journal sequence that the answer must have seen; 0: any
}

struct StreamOrderBookRequest @0xa55b1cd377d4b8d4 {
  # First a snapshot, then deltas that follow it without a gap, until cancelled.
  symbol @0 :Text;
  view @1 :BookView;  # unset: levels
}

struct BookUpdate @0x82bd1de0c85993e8 {
  # A snapshot, or a delta that leads from the state after firstSeq - 1 to that after lastSeq.
  symbol @0 :Text;
  instrumentId @1 :UInt32;
  view @2 :BookView;
  kind @3 :BookUpdateKind;
  firstSeq @4 :UInt64;  # [journal sequence] of a delta: the one before ended with the sequence before
  lastSeq @5 :UInt64;  # [journal sequence]
  tsNs @6 :Int64;  # [ns] journaled time of lastSeq
  more @7 :Bool;  # a snapshot's next part follows; the last one has the checksum
  checksum @8 :UInt32;  # [CRC32] of the ten best rows of each side, as the book is after it
  rows @9 :Data;  # BookLevel or BookOrder structs one behind the other; a snapshot's best first, bids before asks
}

# PriceService: index and mark price, a sample a second.

enum PriceSourceState @0xf37196b21530a2bd {
  unset @0;
  used @1;
  absent @2;  # it has no price, or does not answer
  stale @3;  # what it said last is too old
  outlier @4;  # too far from the others
}

struct PriceSource @0x9400f51f046e53ab {
  # What one source of an index says.
  name @0 :Text;
  weight @1 :UInt32;
  state @2 :PriceSourceState;
  microTicks @3 :Int64;  # [ticks / 1,000,000] 0 where it is absent
  ageNs @4 :Int64;  # [ns] since it said so
}

struct GetMarkPriceRequest @0xf8ccad40bd0b088a {
  # Asks for the mark price of an instrument.
  symbol @0 :Text;
}

struct MarkPrice @0x8ed0f7277a2c550d {
  # What an instrument is worth, as margins see it.
  symbol @0 :Text;
  instrumentId @1 :UInt32;
  stale @2 :Bool;  # too few sources have a price now: this is the last one that there was
  ageNs @3 :Int64;  # [ns] since there were enough, where it is stale; else 0
  tsNs @4 :Int64;  # [ns] since 1970, of the sample
  markPrice @5 :Int64;  # [ticks]
  indexMicroTicks @6 :Int64;  # [ticks / 1,000,000]
  lastPrice :union {
    unset @7 :Void;
    ticks @8 :Int64;  # [ticks] of the last trade here
  }
  sources @9 :List(PriceSource);
}
