# Replication: a follower takes the journal over, batch by batch, and says how far it has it. The batches between are
# CommandFrames as they lie in the journal.
@0xfa583e4957fd500b;

enum FollowAction @0xec632a1d715863cd {
  unset @0;
  follow @1;  # send me what comes after `sequence`
  acknowledge @2;  # `sequence` is durable here
  leave @3;
  promote @4;  # to a standby: lead from now on
  fence @5;  # to a leader: `epoch` leads now, stop
}

enum FollowOutcome @0xf6e9b04656afd79e {
  unset @0;
  streaming @1;  # what comes after `sequence` follows
  behind @2;  # what was asked for is no longer at hand: `oldest` is; read the rest from the journal's files
  ahead @3;  # the follower has more than the leader: one of them is of the past
  diverged @4;  # the follower's last record is not the leader's
  heartbeat @5;
  fenced @6;  # it stops
  promoted @7;
  refused @8;  # and why
}

struct FollowRequest @0xa9f650236ef5d3e9 {
  kind @0 :FollowAction;
  flags @1 :UInt16;  # [FollowFlag bits] 1: a standby, answers may wait for it; 2: promote: accept what is lost
  reserved @2 :UInt32;  # zero
  sequence @3 :UInt64;  # of the journal; 0: nothing yet
  epoch @4 :UInt64;  # of the record with that sequence; fence: of the new leader
  highestEpoch @5 :UInt64;  # that the follower has heard of
  sentAt @6 :Int64;  # [ns]
  name0 @7 :UInt64;  # [ASCII] of the follower
  name1 @8 :UInt64;  # [ASCII]
  name2 @9 :UInt64;  # [ASCII]
  name3 @10 :UInt64;  # [ASCII]
  name4 @11 :UInt64;  # [ASCII]
}

struct FollowAnswer @0xa026cc34299341c6 {
  kind @0 :FollowOutcome;
  reject @1 :UInt16;  # [RejectCode] refused: why
  flags @2 :UInt16;  # [FollowAnswerFlag bits] 1: it has all that was acknowledged; 2: no answer leaves before it has
  reserved @3 :UInt16;  # zero
  epoch @4 :UInt64;  # of who answers
  sequence @5 :UInt64;  # streaming: the last one before the stream; else the last one written
  oldest @6 :UInt64;  # the first sequence that can still be streamed
  firstLost @7 :UInt64;  # promoted, refused: what the old leader is known to have written beyond ours; 0: nothing
  lastLost @8 :UInt64;
  timestamp @9 :Int64;  # [ns]
}

struct JournalRequest @0xace0e441948014b4 {
  # Of an RPC to the leader's replica: records of the journal's files, for who is too far behind for the stream.
  afterSequence @0 :UInt64;  # the last one that the asker has; 0: none
  epoch @1 :UInt64;  # of the record with that sequence
  name @2 :Text;  # of the asker: its segments are kept
}

struct JournalReply @0xf83396bf83ac52f6 {
  sequence @0 :UInt64;  # of the last record in it
  more @1 :Bool;
  batches @2 :Data;  # CommandFrames, each behind its length in 8 bytes, little-endian
}

struct SnapshotRequest @0x923b42fe43db6b3f {
  # A file of the leader's, a part at a time.
  sequence @0 :UInt64;  # which; 0: the newest
  offset @1 :UInt64;  # [bytes]
  history @2 :Bool;  # what the replica remembers of orders there, in place of the state
}

struct SnapshotReply @0x98e45cf8f6f7de18 {
  sequence @0 :UInt64;
  size @1 :UInt64;  # [bytes] of the file
  content @2 :Data;  # from the offset on; empty behind its end
}
