# Sessions: how a client and the core agree on who speaks and where they were.
@0xdf46ea88c18af055;

using Stages = import "../stages/stages.capnp";

enum SessionAction @0xb0d0623bce863ac5 {
  unset @0;
  logon @1;
  logoff @2;
  heartbeat @3;
}

enum SessionOutcome @0x900159111fc30bd9 {
  unset @0;
  welcome @1;
  refused @2;
  heartbeat @3;
  resync @4;  # what was asked for is gone: query instead
  bye @5;
}

enum Durability @0xfbfac9e2ddf3f8a3 {
  # How safe what is answered was when it was answered.
  unset @0;
  process @1;  # written: survives a crash of the process
  disk @2;  # fdatasync
  replica @3;  # an in-sync follower has it
}

struct SessionRequest @0x9f837f53570cc711 {
  kind @0 :SessionAction;
  flags @1 :UInt16;  # [SessionFlag bits] 1: cancel this session's orders when it is lost
  heartbeatMs @2 :UInt32;  # [ms] silence after which either side gives up; 0: the core's default
  lastEventSequence @3 :UInt64;  # logon: the last event seen; what follows is sent again
  tenant @4 :UInt32;
  schemaVersion @5 :UInt16;
  judge @6 :Stages.Judge;  # heartbeat of such a stage's process: which it is
  sentAt @7 :Int64;  # [ns]
  name0 @8 :UInt64;  # [ASCII] of the session: the same name takes up where it left
  name1 @9 :UInt64;  # [ASCII]
  name2 @10 :UInt64;  # [ASCII]
  name3 @11 :UInt64;  # [ASCII]
  name4 @12 :UInt64;  # [ASCII]
  user0 @13 :UInt64;  # [ASCII]
  user1 @14 :UInt64;  # [ASCII]
  user2 @15 :UInt64;  # [ASCII]
  user3 @16 :UInt64;  # [ASCII]
  user4 @17 :UInt64;  # [ASCII]
  shard @18 :UInt32;  # heartbeat of a shard's process: which it is
  reserved2 @19 :UInt32;  # zero
  followed @20 :UInt64;  # [journal sequence] of such a heartbeat: what it has applied
}

struct SessionAnswer @0x8d6232e138e24d7d {
  kind @0 :SessionOutcome;
  reject @1 :UInt16;  # [RejectCode] refused: why
  session @2 :UInt32;
  epoch @3 :UInt64;
  sequence @4 :UInt64;  # of the journal
  durableSequence @5 :UInt64;
  eventSequence @6 :UInt64;
  oldestEventSequence @7 :UInt64;  # the oldest that can still be sent again
  timestamp @8 :Int64;  # [ns]
  durability @9 :Durability;
  schemaVersion @10 :UInt16;
  maxFrame @11 :UInt32;  # [bytes] the largest frame that is read
}
