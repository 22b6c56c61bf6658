# Stages in processes of their own: what they say to a proposal. A proposal is a CommandFrame as it will lie in the journal,
# core to stage.
@0xe2a1c7409d35b86f;

enum Judge @0xd70f18b3e56a924d {
  # A stage that says of new and replaced orders whether they may enter.
  unset @0;
  accounts @1;
  risk @2;
}

enum VerdictKind @0xc93be5016fa8d274 {
  unset @0;
  refused @1;  # the order with `sequence`, for `reject`
  judged @2;  # all orders of the proposal up to `sequence`: what was not refused may enter
}

struct Verdict @0xf5d6280ab41e973c {
  kind @0 :VerdictKind;
  judge @1 :Judge;
  reject @2 :UInt16;  # [RejectCode] refused: why
  reserved @3 :UInt16;  # zero
  epoch @4 :UInt64;  # of the proposal
  sequence @5 :UInt64;  # of the journal, if the proposal gets there
  proposedAt @6 :Int64;  # [ns] tsNs of the proposal: no other has the same
}
