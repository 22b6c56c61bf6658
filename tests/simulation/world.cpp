#include "world.hpp"

#include <cstring>

#include "cmatch/command.hpp"
#include "oracle.hpp"

namespace cmatch::simulation {
namespace {

template <class Record>
Bytes one(const Record& record) {
  return frame_of(std::span<const Record>(&record, 1));
}

InstrumentCommand asset(AssetId id, const char* symbol, std::uint16_t scale) {
  InstrumentCommand command{};
  command.kind = static_cast<std::uint16_t>(InstrumentAction::define_asset);
  command.asset = id;
  command.asset_scale = scale;
  std::memcpy(command.symbol, symbol, std::strlen(symbol));
  return command;
}

InstrumentCommand instrument() {
  InstrumentCommand command{};
  command.kind = static_cast<std::uint16_t>(InstrumentAction::define_instrument);
  command.instrument_id = kInstrument;
  command.base = kBase;
  command.quote = kQuote;
  command.instrument_kind = static_cast<std::uint16_t>(InstrumentKind::spot);
  command.fee_mode = static_cast<std::uint16_t>(FeeMode::quote);
  std::memcpy(command.symbol, "GOLD/USD", 8);
  command.price_scale = 2;
  command.phase = static_cast<std::uint16_t>(Phase::continuous);
  command.maker_rate = 500'000;
  command.taker_rate = 1'500'000;
  command.tick_step = command.lot_step = 1;
  command.min_price = 1;
  command.max_price = 10'000;
  command.max_qty = 1'000;
  command.max_notional = 10'000'000;
  command.max_parts = command.max_pegs = 16;
  command.trigger_source = static_cast<std::uint16_t>(TriggerSource::last);
  command.stop_wrong_side = static_cast<std::uint16_t>(StopWrongSide::reject);
  command.band_mode = static_cast<std::uint16_t>(BandMode::reject);
  return command;
}

} // namespace

VenueLimits small_limits() {
  VenueLimits limits;
  limits.ledger.max_accounts = 64;
  limits.ledger.max_assets = 8;
  limits.ledger.max_balances = 256;
  limits.ledger.max_holds = 64;
  limits.ledger.max_transfers = 4'096;
  limits.engine.max_instruments = 8;
  limits.engine.max_orders = 2'048;
  limits.engine.max_order_ids = 1u << 14;
  limits.max_positions = 256;
  limits.max_client_ids = 4'096;
  limits.max_recent_orders = 256;
  limits.max_sessions = 64;
  limits.queue_capacity = 64;
  return limits;
}

LedgerCommand deposit(std::uint32_t client, std::uint32_t number, AssetId asset, Amount amount,
                      TimeNs sent_at) {
  LedgerCommand command{};
  command.kind = static_cast<std::uint16_t>(LedgerAction::deposit);
  command.asset = asset;
  command.account = account_of(client);
  command.amount = amount;
  command.transfer_id[0] = transfer_id_of(client, number, amount);
  command.sent_at = sent_at;
  return command;
}

std::vector<Bytes> opening(const World& world, TimeNs now) {
  io::SessionRequest logon{};
  logon.kind = static_cast<std::uint16_t>(io::SessionAction::logon);
  logon.schema_version = io::kSchemaVersion;
  logon.heartbeat_ms = 60'000;
  logon.sent_at = now;
  std::memcpy(logon.name, "operator", 8);
  std::vector<Bytes> frames = {one(logon), one(asset(kBase, "GOLD", 1)), one(asset(kQuote, "USD", 2)),
                               one(instrument())};
  for (std::uint32_t client = 0; client < world.clients; ++client) {
    AdminCommand account{};
    account.kind = static_cast<std::uint16_t>(AdminAction::open_account);
    account.account = account_of(client);
    account.tenant = kTenant;
    frames.push_back(one(account));
    const LedgerCommand money[] = {deposit(client, 0, kBase, 50'000, now),
                                   deposit(client, 1, kQuote, 20'000'000, now)};
    frames.push_back(frame_of(std::span<const LedgerCommand>(money)));
  }
  return frames;
}

} // namespace cmatch::simulation
