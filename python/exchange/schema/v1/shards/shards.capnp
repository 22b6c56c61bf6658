# Shards: what an engine that matches elsewhere sends, on its way into the journal.
@0xb7d4e0c19a53f86d;

using Instruments = import "../instruments/instruments.capnp";
using Orders = import "../orders/orders.capnp";

enum EventKind @0xd41f6a7be2908c35 {
  # What happened in a book.
  unset @0;
  accepted @1;
  rejected @2;
  trade @3;
  refreshed @4;  # an iceberg shows anew; never sent
  prevented @5;  # a trade with oneself
  canceled @6;
  expired @7;
  replaced @8;
  triggered @9;
  repriced @10;
  uncrossed @11;
  phaseChanged @12;
}

struct ShardEvent @0xe6a8035d72c4b91f {
  # One event of a shard's engine. What the engine made of one command is taken when its last is there.
  kind @0 :EventKind;
  reason @1 :UInt16;  # [RejectCode, or CancelReason] of rejected, canceled
  shard @2 :UInt32;
  number @3 :UInt64;  # in the stream of the shard, from 1, without a gap
  answers @4 :UInt64;  # [journal sequence] of the command that was passed on; 0: time alone made it
  instrumentId @5 :UInt32;
  flags @6 :UInt16;  # [ShardFlag bits] 1: the last of what the engine made of that command
  present @7 :UInt16;  # [bits] 1 price, 2 stopPrice, 4 orderId, 8 instrumentId
  orderId @8 :UInt64;  # of trade and prevented the taker's
  qty @9 :Int64;  # [lots]
  price @10 :Int64;  # [ticks]
  leaves @11 :Int64;  # [lots] of orderId, after the event
  makerOrderId @12 :UInt64;  # trade, prevented
  makerLeaves @13 :Int64;  # [lots]
  stopPrice @14 :Int64;  # [ticks]
  side @15 :Orders.Side;  # of a trade the taker's; unset in an uncross
  phase @16 :Instruments.Phase;  # phaseChanged
  kept @17 :UInt16;  # replaced: 1 where priority was kept
  reserved @18 :UInt16;  # zero
  session @19 :UInt32;  # the sequencer's
  tenant @20 :UInt32;  # the sequencer's
}
