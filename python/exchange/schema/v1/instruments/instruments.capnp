# Instruments and assets, and what is said of them while they trade.
@0xef31e29424b90a99;

enum InstrumentAction @0xac884b677d44dec7 {
  unset @0;
  defineAsset @1;
  defineInstrument @2;
  setPhase @3;
  setReference @4;
  setMark @5;
  assignShard @6;  # where it is matched from now on
}

enum InstrumentKind @0xde5fa6467553252b {
  unset @0;
  spot @1;
}

enum FeeMode @0xd0a6806be1a3aa06 {
  # Which asset a fee is taken in.
  unset @0;
  received @1;  # base from a buyer, quote from a seller
  quote @2;
  base @3;
}

enum Phase @0x80124aa0304b04b9 {
  unset @0;
  closed @1;
  preOpen @2;
  continuous @3;
  closingCall @4;
  halted @5;
  callAuction @6;
}

enum TriggerSource @0xaa20f598bb22e3fd {
  # What triggers stops.
  unset @0;
  last @1;
  quote @2;
  mark @3;
}

enum StopWrongSide @0xc323175abbe800b9 {
  # What becomes of a stop that would trigger at once.
  unset @0;
  reject @1;
  trigger @2;
}

enum BandMode @0xa722fa510eec8f35 {
  # What becomes of an order that would trade beyond a band.
  unset @0;
  reject @1;
  halt @2;
}

struct InstrumentCommand @0xe559f053fd9e29a4 {
  # A definition, or one value of an instrument.
  kind @0 :InstrumentAction;
  present @1 :UInt16;  # [DefinitionField bits]
  instrumentId @2 :UInt32;
  asset @3 :UInt32;  # defineAsset
  base @4 :UInt32;  # [asset]
  quote @5 :UInt32;  # [asset]
  instrumentKind @6 :InstrumentKind;
  feeMode @7 :FeeMode;
  symbol0 @8 :UInt64;  # [ASCII] of the asset or instrument
  symbol1 @9 :UInt64;  # [ASCII]
  symbol2 @10 :UInt64;  # [ASCII]
  assetScale @11 :UInt16;  # [decimals] of one minor unit, 0 to 18
  priceScale @12 :UInt16;  # [decimals] one tick is 10^-priceScale
  qtyScale @13 :UInt16;  # [decimals] one lot is 10^-qtyScale
  phase @14 :Phase;
  makerRate @15 :Int64;  # [1e-9 of the notional] negative: a rebate
  takerRate @16 :Int64;  # [1e-9 of the notional]
  price @17 :Int64;  # [ticks] setReference, setMark
  tickStep @18 :Int64;  # [ticks]
  lotStep @19 :Int64;  # [lots]
  minPrice @20 :Int64;  # [ticks]
  maxPrice @21 :Int64;  # [ticks]
  maxQty @22 :Int64;  # [lots]
  maxNotional @23 :Int64;  # [ticks x lots]
  maxParts @24 :Int64;  # of an iceberg
  maxPegs @25 :Int64;  # pegged orders at a time
  collar @26 :Int64;  # [ticks]
  staticBand @27 :Int64;  # [ticks]
  dynamicBand @28 :Int64;  # [ticks]
  reference @29 :Int64;  # [ticks]
  triggerSource @30 :TriggerSource;
  stopWrongSide @31 :StopWrongSide;
  bandMode @32 :BandMode;
  reserved0 @33 :UInt16;  # zero
  sentAt @34 :Int64;  # [ns]
  session @35 :UInt32;  # the sequencer's
  tenant @36 :UInt32;  # the sequencer's
  correlationId0 @37 :UInt64;  # [ASCII]
  correlationId1 @38 :UInt64;  # [ASCII]
  correlationId2 @39 :UInt64;  # [ASCII]
  correlationId3 @40 :UInt64;  # [ASCII]
  correlationId4 @41 :UInt64;  # [ASCII]
  actor0 @42 :UInt64;  # [ASCII] who asked
  actor1 @43 :UInt64;  # [ASCII]
  actor2 @44 :UInt64;  # [ASCII]
  actor3 @45 :UInt64;  # [ASCII]
  actor4 @46 :UInt64;  # [ASCII]
  shard @47 :UInt32;  # assignShard: 0 is the core itself
  reserved1 @48 :UInt32;  # zero
}
