# RFQService: CreateRFQ, GetRFQ, AcceptQuote, CancelRFQ, StreamQuotes, WatchRFQ. Prices are ticks of the instrument,
# quantities lots, times ns. `requestId` names a wish: asked again with the same content it gets the first answer.
@0x94997378480a62d8;

using Orders = import "../orders/orders.capnp";

enum RfqStatus @0xf615a83f30a4cc32 {
  # How far a request for quote is.
  unset @0;
  open @1;
  accepted @2;  # a quote was accepted, and its provider may still look
  filled @3;
  cancelled @4;
  expired @5;
  rejected @6;  # the provider declined at its last look
}

enum RfqUpdateKind @0xf009e99c8332e6b0 {
  # What happened to a request for quote.
  unset @0;
  state @1;  # how it is now: the first of every watch
  newQuote @2;
  quoteWithdrawn @3;
  accepted @4;
  filled @5;
  cancelled @6;
  expired @7;
  rejected @8;
}

enum QuoteAction @0xafe3d31952429228 {
  # What a liquidity provider does.
  unset @0;
  quote @1;  # a new one, or another in place of that with the same quoteId
  withdraw @2;
  confirm @3;  # last look: taken
  decline @4;  # last look: not taken
}

enum QuoteNotice @0xf70df8b86548e465 {
  # What a liquidity provider is told.
  unset @0;
  wanted @1;  # a request for quote to answer
  closed @2;  # no quotes are taken any more
  lastLook @3;  # a quote was accepted: confirm or decline it
  filled @4;
  refused @5;  # the quote was not taken; reason says why
}

struct RfqQuote @0x8a47ef33eee6bdab {
  # A liquidity provider's quote.
  quoteId @0 :Text;
  rfqId @1 :Text;
  liquidityProvider @2 :Text;
  bidPrice :union {
    unset @3 :Void;
    ticks @4 :Int64;  # [ticks]
  }
  askPrice :union {
    unset @5 :Void;
    ticks @6 :Int64;  # [ticks]
  }
  quoteQty @7 :Int64;  # [lots] for which it stands
  validUntilNs @8 :Int64;  # [ns]
  receivedNs @9 :Int64;  # [ns]
}

struct RfqState @0xaaa9943ab07fe25f {
  # A request for quote as it is now.
  rfqId @0 :Text;
  symbol @1 :Text;
  side @2 :Orders.Side;  # unset: both, for a two-way quote
  status @3 :RfqStatus;
  account @4 :UInt64;
  orderQty @5 :Int64;  # [lots]
  createdNs @6 :Int64;  # [ns]
  expiresNs @7 :Int64;  # [ns]
  quotes @8 :List(RfqQuote);
  acceptedQuoteId @9 :Text;
  tradeId @10 :Text;
  version @11 :UInt64;
}

struct CreateRfqRequest @0xccfef44757f16822 {
  # Asks providers for quotes.
  requestId @0 :Text;
  symbol @1 :Text;
  side @2 :Orders.Side;  # unset: a two-way quote is asked for
  account @3 :UInt64;
  orderQty @4 :Int64;  # [lots]
  timeToLiveMs @5 :UInt32;  # [ms] 0: as configured
  liquidityProviders @6 :List(Text);  # who is asked; empty: all
}

struct GetRfqRequest @0xd02a10b1878f4ae7 {
  # Asks for a request for quote.
  rfqId @0 :Text;
}

struct AcceptQuoteRequest @0xb9584c8a063c8420 {
  # Takes a quote.
  requestId @0 :Text;
  rfqId @1 :Text;
  quoteId @2 :Text;
  side @3 :Orders.Side;  # of a two-way quote
}

struct AcceptQuoteReply @0xe4ee7050e619971a {
  # What became of it.
  rfq @0 :RfqState;
  tradeId @1 :Text;  # empty while the provider may still look
}

struct CancelRfqRequest @0xe0ae7a5832edf38f {
  # Withdraws a request for quote.
  requestId @0 :Text;
  rfqId @1 :Text;
}

struct WatchRfqRequest @0x8fef2bf4ac11200a {
  # Asks for every change of a request for quote.
  rfqId @0 :Text;
}

struct RfqUpdate @0xfd4bda742763a365 {
  # One change of a request for quote.
  kind @0 :RfqUpdateKind;
  tsNs @1 :Int64;  # [ns]
  rfq @2 :RfqState;
  quote @3 :RfqQuote;  # that of which kind speaks
}

struct ProviderQuote @0x826d33284bebe777 {
  # From a liquidity provider.
  action @0 :QuoteAction;
  quote @1 :RfqQuote;
}

struct ProviderNotice @0xe4efe7d2e8c8f9e8 {
  # To a liquidity provider.
  notice @0 :QuoteNotice;
  rfq @1 :RfqState;  # without the quotes of others
  quoteId @2 :Text;
  reason @3 :Text;
}
