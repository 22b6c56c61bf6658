// Journal records of a spot market and its orders, alike for every program with the same numbers: one new order in three
// takes, every other one is cancelled later.
#pragma once

#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "cmatch/venue/venue.hpp"

namespace cmatch::bench {

struct FlowOptions {
  std::uint32_t accounts = 1'000;
  std::uint32_t resting = 20'000; // orders that live at a time, about
  std::uint64_t seed = 1;
};

// Writes a journal's payload of these records to `room`; its size.
template <class Record>
std::size_t write_record(std::span<std::byte> room, std::span<const Record> records, Sequence first,
                         TimeNs time, std::uint64_t event_digest = 0) {
  io::FrameWriter writer(room, io::kRecordBytes);
  io::CommandHeader header{};
  header.epoch = 1;
  header.first_seq = first;
  header.ts_ns = time;
  header.event_digest = event_digest;
  return writer.write<Record>(header, records).bytes.size();
}

class VenueFlow {
 public:
  explicit VenueFlow(const FlowOptions& options)
      : options_(options), random_(options.seed), past_(options.resting * 5 / 2) {}

  // Two assets, and a market.
  static std::vector<InstrumentCommand> market() {
    std::vector<InstrumentCommand> definitions(3);
    for (std::uint32_t asset = 1; asset <= 2; ++asset) {
      InstrumentCommand& command = definitions[asset - 1];
      command.kind = static_cast<std::uint16_t>(InstrumentAction::define_asset);
      command.asset = asset;
      command.asset_scale = 8;
      std::memcpy(command.symbol, asset == 1 ? "BTC" : "USD", 3);
    }
    InstrumentCommand& market = definitions[2];
    market.kind = static_cast<std::uint16_t>(InstrumentAction::define_instrument);
    market.instrument_id = 1;
    std::memcpy(market.symbol, "BTC-USD", 7);
    market.base = 1;
    market.quote = 2;
    market.instrument_kind = static_cast<std::uint16_t>(InstrumentKind::spot);
    market.fee_mode = static_cast<std::uint16_t>(FeeMode::received);
    market.maker_rate = 0;
    market.taker_rate = 1'000'000;
    market.price_scale = 2;
    market.qty_scale = 4;
    market.phase = static_cast<std::uint16_t>(Phase::continuous);
    market.tick_step = market.lot_step = market.min_price = 1;
    market.max_price = 10'000'000;
    market.max_qty = 1'000'000;
    market.max_notional = 10'000'000'000'000;
    market.max_parts = market.max_pegs = 1'000;
    market.trigger_source = static_cast<std::uint16_t>(TriggerSource::last);
    market.stop_wrong_side = static_cast<std::uint16_t>(StopWrongSide::reject);
    market.band_mode = 1;
    return definitions;
  }

  std::vector<AdminCommand> accounts() const {
    std::vector<AdminCommand> opened(options_.accounts);
    for (std::uint32_t i = 0; i < options_.accounts; ++i) {
      opened[i].kind = static_cast<std::uint16_t>(AdminAction::open_account);
      opened[i].account = i + 1;
      opened[i].tenant = 1;
    }
    return opened;
  }

  // Of both assets to each account.
  std::vector<LedgerCommand> funds() const {
    std::vector<LedgerCommand> funded;
    for (std::uint32_t i = 0; i < options_.accounts; ++i)
      for (std::uint32_t asset = 1; asset <= 2; ++asset) {
        LedgerCommand& command = funded.emplace_back();
        command.kind = static_cast<std::uint16_t>(LedgerAction::deposit);
        command.account = i + 1;
        command.asset = asset;
        command.transfer_id[0] = funded.size();
        command.amount = 1'000'000'000'000'000;
      }
    return funded;
  }

  OrderCommand next() {
    const std::uint64_t number = drawn_++;
    Past& past = past_[number % past_.size()]; // five halves of what rests ago: of five requests two rest
    const bool cancels = past.rests;
    OrderCommand command{};
    command.kind = static_cast<std::uint16_t>(cancels ? OrderAction::cancel : OrderAction::new_order);
    command.instrument_id = 1;
    command.account = cancels ? past.account : 1 + below(options_.accounts);
    command.session = 1 + static_cast<SessionId>(command.account % 16);
    command.sent_at = 2;
    name(command.client_order_id_head, cancels ? 'c' : 'n', number);
    std::snprintf(command.correlation_id_head, 16, "%c%08x", cancels ? 'c' : 'n',
                  static_cast<unsigned>(number));
    if (cancels) {
      name(command.orig_client_order_id_head, 'n', number - past_.size());
      past = {};
      return command;
    }
    const bool buys = below(2) == 0, takes = below(3) == 0;
    const std::int64_t distance =
        takes ? -static_cast<std::int64_t>(below(4)) : 1 + static_cast<std::int64_t>(below(11));
    command.side = static_cast<std::uint16_t>(buys ? Side::buy : Side::sell);
    command.type = static_cast<std::uint16_t>(OrderType::limit);
    command.time_in_force = static_cast<std::uint16_t>(takes ? TimeInForce::ioc : TimeInForce::gtc);
    command.qty = 1 + static_cast<Lots>(below(19));
    command.price = 50'000 + (buys ? -distance : distance);
    command.present = kHasPrice;
    past = {.account = command.account, .rests = !takes};
    return command;
  }

 private:
  struct Past {
    AccountId account = 0;
    bool rests = false;
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  static void name(char* id, char letter, std::uint64_t number) {
    std::snprintf(id, 16, "00%c%08x", letter, static_cast<unsigned>(number));
  }

  FlowOptions options_;
  std::mt19937_64 random_;
  std::vector<Past> past_;
  std::uint64_t drawn_ = 0;
};

} // namespace cmatch::bench
