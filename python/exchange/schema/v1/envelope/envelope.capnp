# The frames of the hot path, and the header of every batch. A hot frame is one unpacked segment of at most 64 KiB: the
# root struct, then its one list, and nothing else. A builder whose first segment is too small makes two: see codec.py.
@0xac96047709a26de4;

using Administration = import "../administration/administration.capnp";
using Executions = import "../executions/executions.capnp";
using Instruments = import "../instruments/instruments.capnp";
using Ledger = import "../ledger/ledger.capnp";
using Orders = import "../orders/orders.capnp";
using Queries = import "../queries/queries.capnp";
using Replication = import "../replication/replication.capnp";
using Sessions = import "../sessions/sessions.capnp";
using Shards = import "../shards/shards.capnp";
using Stages = import "../stages/stages.capnp";

struct BatchHeader @0xcb280f666b425b0d {
  # Where a batch stands in its stream.
  epoch @0 :UInt64;  # of the writer: who led
  firstSeq @1 :UInt64;  # of the first item; the others follow without a gap
  count @2 :UInt32;
  stream @3 :UInt16;
  schemaVersion @4 :UInt16;
  tsNs @5 :Int64;  # [ns] the writer's time
}

struct CommandFrame @0xe995f421379f8461 {
  # Client to core, and as the payload of a journal record; a client leaves all of the header but schemaVersion zero.
  # Followers and stages get such payloads from the core, whose other frames have a durability where these have stream 0.
  schemaVersion @0 :UInt16;  # 1
  stream @1 :UInt16;
  count @2 :UInt32;  # of the list; 0: not said
  union {
    unset @3 :Void;
    orders @4 :List(Orders.OrderCommand);
    ledger @5 :List(Ledger.LedgerCommand);
    instruments @6 :List(Instruments.InstrumentCommand);
    administration @7 :List(Administration.AdminCommand);
    sessions @8 :List(Sessions.SessionRequest);
    orderQueries @9 :List(Queries.OrderQuery);
    balanceQueries @10 :List(Queries.BalanceQuery);
    followRequests @14 :List(Replication.FollowRequest);
    followAnswers @15 :List(Replication.FollowAnswer);  # leader to follower
    shardEvents @17 :List(Shards.ShardEvent);
    verdicts @18 :List(Stages.Verdict);
  }
  epoch @11 :UInt64;
  firstSeq @12 :UInt64;  # of the journal, of the first command
  tsNs @13 :Int64;  # [ns] journaled time of the batch
  eventDigest @16 :UInt64;  # over all events before this batch; 0: not said
}

struct ReportFrame @0xdd2683e52c0cae2f {
  # Core to client.
  schemaVersion @0 :UInt16;  # 1
  durability @1 :Sessions.Durability;  # of what this frame answers
  count @2 :UInt32;  # of the list
  union {
    unset @3 :Void;
    reports @4 :List(Executions.ExecutionReport);
    answers @5 :List(Executions.Answer);
    sessions @6 :List(Sessions.SessionAnswer);
    orderStates @7 :List(Queries.OrderState);
    balanceStates @8 :List(Queries.BalanceState);
    refusals @9 :List(Refusal);
  }
  epoch @10 :UInt64;
  sequence @11 :UInt64;  # of the journal, when this was sent
  durableSequence @12 :UInt64;
  tsNs @13 :Int64;  # [ns] journaled time
}

struct Refusal @0x9051689b8cd8ee4e {
  # The answer to a frame that could not be read, or was not taken: nothing in it was applied.
  reject @0 :UInt16;  # [RejectCode]
  reason @1 :UInt16;  # [FrameFault] what exactly was wrong
  size @2 :UInt32;  # [bytes] of the frame
  detailValue @3 :Int64;  # what there is: the most that is allowed, the version that is spoken
  detailAsked @4 :Int64;  # what was asked
}
