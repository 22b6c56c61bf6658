# The ledger: money in, out, between accounts, and held.
@0xead1d399839884ef;

enum LedgerAction @0xde598cd7f436644e {
  unset @0;
  deposit @1;
  withdraw @2;
  transfer @3;
  reserve @4;
  post @5;  # of a reservation: `amount` leaves for counterAccount, the rest is freed
  voidHold @6;  # of a reservation: all is freed
  postTrade @7;  # of a trade that waits for its settlement: both sides and their fees
}

struct LedgerCommand @0xcdeeeb487d82827c {
  # One change of balances; its postings sum to zero.
  kind @0 :LedgerAction;
  present @1 :UInt16;  # [LedgerField bits]
  asset @2 :UInt32;
  account @3 :UInt64;
  counterAccount @4 :UInt64;  # transfer, post: who receives
  amount @5 :Int64;  # [minor units] above zero
  transferId0 @6 :UInt64;  # low word; names this request for ever
  transferId1 @7 :UInt64;  # high word
  reservationId0 @8 :UInt64;  # post, voidHold: the transferId of the reserve
  reservationId1 @9 :UInt64;
  expectedVersion @10 :UInt64;  # of the balance of `account` in `asset`
  expireAt @11 :Int64;  # [ns] of a reserve
  sentAt @12 :Int64;  # [ns] the client's clock
  session @13 :UInt32;  # the sequencer's
  tenant @14 :UInt32;  # the sequencer's
  correlationId0 @15 :UInt64;  # [ASCII]
  correlationId1 @16 :UInt64;  # [ASCII]
  correlationId2 @17 :UInt64;  # [ASCII]
  correlationId3 @18 :UInt64;  # [ASCII]
  correlationId4 @19 :UInt64;  # [ASCII]
  tradeId @20 :UInt64;  # postTrade: trades are posted in their order
  buyerFee @21 :Int64;  # [minor units of the asset in which the side is charged] postTrade; negative: a rebate
  sellerFee @22 :Int64;  # [minor units of the asset in which the side is charged] the like
}
