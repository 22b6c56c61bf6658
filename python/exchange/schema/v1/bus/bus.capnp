@0x8c31ddaf3e0319ae;

# Calls between services. A message is one Frame (at most 64 KiB) and behind it the payload (at most 4 MiB), whose schema
# the method names; in one part, or the payload in a second one. Append only. Either side of a stream sends messages only within what the other granted:
# each takes its payload's bytes and 64 more, and may be sent while anything is left.

enum FrameKind @0xc5a11c773994f9a6 {
  unset @0;
  call @1;    # client to server
  reply @2;   # server to client, one for each call
  cancel @3;  # client to server: nobody waits for the call any longer
  message @4; # either way: the next message of a stream
  end @5;     # client to server: no further messages (half-close)
  credit @6;  # either way: more may be sent; the server's first one says that the stream is open; of call 0: are you there
}

# Which side sends a stream of messages; the other sends one.
enum Streaming @0xd3b1f0c7a95e2468 {
  unset @0;          # neither: a unary call
  server @1;
  client @2;
  bidirectional @3;
}

# gRPC's status codes, each plus one.
enum Status @0xed2f53a98a6455cf {
  unset @0;
  ok @1;
  cancelled @2;
  unknown @3;
  invalidArgument @4;
  deadlineExceeded @5;
  notFound @6;
  alreadyExists @7;
  permissionDenied @8;
  resourceExhausted @9;
  failedPrecondition @10;
  aborted @11;
  outOfRange @12;
  unimplemented @13;
  internal @14;
  unavailable @15;
  dataLoss @16;
  unauthenticated @17;
}

struct Frame @0xb4b5526b94d0394f {
  kind @0 :FrameKind;
  callId @1 :UInt64;            # chosen by the client, never twice on one connection; 0 answers no call in particular

  # Of a call.
  method @2 :Text;              # service.method, at most 128 ASCII bytes
  remainingUs @3 :UInt64;       # what is left of the caller's time when it sends; clocks need not agree
  correlationId @4 :Text;       # x-correlation-id, at most 40 ASCII bytes
  tenantId @5 :Text;            # x-tenant-id, at most 64 ASCII bytes
  userId @6 :Text;              # x-user-id, at most 64 ASCII bytes
  securityContext @7 :Text;     # x-security-context: Base64 of JSON, at most 16 KiB

  # Of a reply.
  status @8 :Status;
  message @9 :Text;             # for people, at most 1 KiB of UTF-8; empty when status is ok
  retryAfterMs @10 :UInt32;
  retryAfterKnown @11 :Bool;    # whether retryAfterMs says something

  # Of streams.
  streaming @12 :Streaming;     # of a call
  credit @13 :UInt32;           # [bytes] of a call: what the server may send at first; of a credit: what may be sent more
  sequence @14 :UInt64;         # of a message: its number in the stream, from 1; of end and reply: how many there were

  # Of a call.
  traceparent @15 :Text;        # W3C Trace Context of the caller's span, at most 64 ASCII bytes; empty where none is
}
