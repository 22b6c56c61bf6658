# Administration: accounts, limits, switches, and what the sequencer itself journals.
@0xbbf02b0f0a1b9f1d;

enum AdminAction @0x8337acde25cd8893 {
  unset @0;
  openAccount @1;
  setLimits @2;
  kill @3;
  openSession @4;  # the sequencer's own, as is loseSession
  loseSession @5;
  setCountdown @6;
  tick @7;  # time passed and nothing came
  setStage @8;  # the matching stage, or that of a shard, is away (flag 1) or back (flag 0)
  setCollateral @9;  # how an asset counts as collateral
  setPolicy @10;  # flag: what a bad order gets
  setSolo @11;  # flag: 1 answers do not wait for a standby, 0 they do again
  promote @12;  # the sequencer's own: a standby leads from here on, alone
  setSettlement @13;  # flag: 1 a settlement service posts trades, 0 they are posted as they are made
}

enum Scope @0xe0b33654e9db4005 {
  unset @0;
  venue @1;
  tenant @2;
  account @3;
  instrument @4;
}

struct AdminCommand @0xabc12f0442959180 {
  # An absent limit of setLimits is lifted in that scope.
  kind @0 :AdminAction;
  present @1 :UInt16;  # [LimitField bits]
  scope @2 :Scope;  # of a kill
  flag @3 :UInt16;  # kill: 1 on, 0 lifted; openSession: 1 cancels its orders when it is lost; setStage; setPolicy
  account @4 :UInt64;  # setLimits: 0 is every account
  tenant @5 :UInt32;  # openAccount, kill: the tenant meant; else the sequencer's
  instrumentId @6 :UInt32;  # setLimits: 0 is every instrument
  parent @7 :UInt64;  # openAccount: of a sub-account, else 0
  session @8 :UInt32;  # openSession, loseSession: the one meant; else the sequencer's
  asset @9 :UInt32;
  timeout @10 :Int64;  # [ns] setCountdown: from now until the account's orders are cancelled; 0 ends it
  sentAt @11 :Int64;  # [ns]
  maxOrderQty @12 :Int64;  # [lots]
  maxOrderNotional @13 :Int64;  # [minor units of the quote asset]
  maxOpenOrders @14 :Int64;
  maxPosition @15 :Int64;  # [lots]
  maxGrossNotional @16 :Int64;  # [minor units of the quote asset]
  maxNetNotional @17 :Int64;  # [minor units of the quote asset]
  maxDailyLoss @18 :Int64;  # [minor units of the quote asset]
  priceCollar @19 :Int64;  # [ticks]
  orderRate @20 :Int64;  # [orders] in a rateInterval
  rateInterval @21 :Int64;  # [ns]
  duplicateWindow @22 :Int64;  # [ns]
  haircut @23 :Int64;  # [1e-9]
  mark @24 :Int64;  # [minor units of collateralAsset] of one whole unit of `asset`
  collateralAsset @25 :UInt32;
  reserved @26 :UInt32;  # zero
  correlationId0 @27 :UInt64;  # [ASCII]
  correlationId1 @28 :UInt64;  # [ASCII]
  correlationId2 @29 :UInt64;  # [ASCII]
  correlationId3 @30 :UInt64;  # [ASCII]
  correlationId4 @31 :UInt64;  # [ASCII]
  actor0 @32 :UInt64;  # [ASCII] who asked
  actor1 @33 :UInt64;  # [ASCII]
  actor2 @34 :UInt64;  # [ASCII]
  actor3 @35 :UInt64;  # [ASCII]
  actor4 @36 :UInt64;  # [ASCII]
  shard @37 :UInt32;  # setStage: 0 is the core's own
  reserved2 @38 :UInt32;  # zero
}
