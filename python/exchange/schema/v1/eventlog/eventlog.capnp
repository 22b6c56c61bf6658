# EventLogService: TailEvents. Batches of a topic as they lie in the event log, from an offset on and as they come.
@0xf6831eedafd80910;

enum TailStart @0xe190dfba252968b3 {
  # Where a tail of the event log begins.
  unset @0;
  oldest @1;
  newest @2;  # what comes from now on, and `back` records before
  offset @3;
  time @4;
}

struct TailEventsRequest @0xf1db467cb2f021c7 {
  # Asks for the records of a topic, and for those that come.
  topic @0 :Text;  # its whole name
  start @1 :TailStart;
  back @2 :UInt32;  # records, with newest
  offset @3 :UInt64;  # of the first record, with offset
  tsNs @4 :Int64;  # [ns] of the first record at least, with time
}

struct EventHeader @0xf86e477108d5a3d6 {
  # One header of a batch.
  name @0 :Text;
  value @1 :Text;
}

struct LoggedBatch @0xd7c5f948a69ce255 {
  # One record: a batch of events, whose frame the payload is.
  offset @0 :UInt64;
  epoch @1 :UInt64;
  firstSeq @2 :UInt64;
  count @3 :UInt32;
  stream @4 :UInt16;
  schemaVersion @5 :UInt16;
  tsNs @6 :Int64;  # [ns]
  key @7 :Text;
  headers @8 :List(EventHeader);
  payload @9 :Data;
}
