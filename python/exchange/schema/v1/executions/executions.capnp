# Executions: what became of orders, and the answers to every other command.
@0xea0bfe58a39f72a0;

using Orders = import "../orders/orders.capnp";

enum ExecType @0xb8f499bb6e6e39c4 {
  # FIX ExecType (150), by name: what just happened.
  unset @0;
  accepted @1;
  rejected @2;
  trade @3;
  canceled @4;
  expired @5;
  replaced @6;
  triggered @7;
  restated @8;  # repriced peg, or self-trade prevention took quantity off
  cancelRejected @9;  # a cancel or replace was refused: the order is as it was
  done @10;  # a mass cancel was carried out: lastQty orders were cancelled
}

enum OrderStatus @0x9530a580cac944e1 {
  # FIX OrdStatus (39), by name: what the order is now.
  unset @0;
  pendingNew @1;  # queued while the matching stage is away
  open @2;  # FIX "new"
  partiallyFilled @3;
  filled @4;
  canceled @5;
  expired @6;
  rejected @7;
  suspended @8;  # a stop that waits for its trigger
}

enum Liquidity @0x95e76411b822f484 {
  unset @0;
  maker @1;
  taker @2;
  auction @3;
}

struct ExecutionReport @0xe6458a8a4fcd50b6 {
  # One side's view of one thing that happened to one order.
  execType @0 :ExecType;
  orderStatus @1 :OrderStatus;
  side @2 :Orders.Side;
  reject @3 :UInt16;  # [RejectCode] 0: none
  instrumentId @4 :UInt32;
  session @5 :UInt32;  # of the order; of an answer the asking session
  account @6 :UInt64;
  orderId @7 :UInt64;
  sequence @8 :UInt64;  # of the command that caused it; 0: it was never journaled
  eventSequence @9 :UInt64;  # of reports and answers together, from 1, gapless; 0: never journaled
  timestamp @10 :Int64;  # [ns] journaled time
  clientOrderIdHead0 @11 :UInt64;  # [ASCII]
  clientOrderIdHead1 @12 :UInt64;  # [ASCII]
  correlationIdHead0 @13 :UInt64;  # [ASCII] of the command that caused it, where it was this session's
  correlationIdHead1 @14 :UInt64;  # [ASCII]
  leavesQty @15 :Int64;  # [lots]
  cumQty @16 :Int64;  # [lots]
  price @17 :Int64;  # [ticks] of the order, where flags say so
  lastQty @18 :Int64;  # [lots]
  lastPrice @19 :Int64;  # [ticks]
  tradeId @20 :UInt64;  # the same on both sides
  orderQty @21 :Int64;  # [lots]
  fee @22 :Int64;  # [minor units of feeAsset] negative: a rebate
  feeAsset @23 :UInt32;
  liquidity @24 :Liquidity;
  flags @25 :UInt16;  # [ReportFlag bits]
  stopPrice @26 :Int64;  # [ticks] where flags say so
  limitValue @27 :Int64;  # where flags say so: the bound that was met
  limitAsked @28 :Int64;  # and what was asked
  clientOrderIdTail0 @29 :UInt64;  # [ASCII]
  clientOrderIdTail1 @30 :UInt64;  # [ASCII]
  clientOrderIdTail2 @31 :UInt64;  # [ASCII]
  correlationIdTail0 @32 :UInt64;  # [ASCII]
  correlationIdTail1 @33 :UInt64;  # [ASCII]
  correlationIdTail2 @34 :UInt64;  # [ASCII]
  cancelReason @35 :UInt16;  # [CancelReason] 0: none
  type @36 :Orders.OrderType;
  timeInForce @37 :Orders.TimeInForce;
  reserved0 @38 :UInt16;  # zero
  reserved10 @39 :UInt64;  # zero
  reserved11 @40 :UInt64;  # zero
}

struct Answer @0x8e85379556befe57 {
  # The answer to a command of the ledger, instruments or administration.
  family @0 :UInt16;  # [CommandList] of the command: 2 ledger, 3 instruments, 4 administration, 10 shardEvents
  kind @1 :UInt16;  # of the command: LedgerAction, InstrumentAction or AdminAction
  reject @2 :UInt16;  # [RejectCode] 0: done
  flags @3 :UInt16;  # [AnswerFlag bits]
  session @4 :UInt32;
  asset @5 :UInt32;
  account @6 :UInt64;
  sequence @7 :UInt64;  # of the command; 0: it was never journaled
  eventSequence @8 :UInt64;
  timestamp @9 :Int64;  # [ns] journaled time
  transferId0 @10 :UInt64;  # low word
  transferId1 @11 :UInt64;  # high word
  total @12 :Int64;  # [minor units] where flags say so: the balance after the command
  reserved @13 :Int64;  # [minor units] of that total
  version @14 :UInt64;  # of that balance
  detailValue @15 :Int64;  # where flags say so: what there is
  detailAsked @16 :Int64;  # and what was asked
  correlationId0 @17 :UInt64;  # [ASCII]
  correlationId1 @18 :UInt64;  # [ASCII]
  correlationId2 @19 :UInt64;  # [ASCII]
  correlationId3 @20 :UInt64;  # [ASCII]
  correlationId4 @21 :UInt64;  # [ASCII]
}
