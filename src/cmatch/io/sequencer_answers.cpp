// From reports to frames: to whom each is due, and who reads too slowly for it.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "cmatch/io/sequencer.hpp"
#include "cmatch/planted.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch::io {

ReportHeader Sequencer::header() const {
  ReportHeader header{};
  header.durability = static_cast<std::uint16_t>(durability());
  header.epoch = options_.epoch;
  header.sequence = journal_.written_sequence();
  header.durable_sequence = journal_.durable_sequence();
  header.ts_ns = now_;
  return header;
}

template <class Record>
SendResult Sequencer::send_one(ConnectionId connection, const Record& record) {
  FrameWriter writer(frame_);
  const WrittenFrame written = writer.write<Record>(header(), std::span<const Record>(&record, 1));
  constexpr bool kOfState = std::is_same_v<Record, OrderState> || std::is_same_v<Record, BalanceState>;
  return kOfState ? deliver(connection, written.bytes) : transport_.send(connection, written.bytes);
}
template SendResult Sequencer::send_one(ConnectionId, const SessionAnswer&);

namespace {

std::uint64_t first_report(const ExecutionReport& report) { return report.event_sequence; }
std::uint64_t first_report(const Answer&) { return 0; } // asked for again by who needs it

} // namespace

bool Sequencer::holds_answers() const {
  if (planted(Bug::answers_before_standby)) return false;
  return waits_for_standby() && (!planted(Bug::releases_held_answers) || followers_.in_sync());
}

// Sends what follows from the journal, or keeps it until the standby has that too.
SendResult Sequencer::deliver(ConnectionId connection, std::span<const std::byte> bytes, SessionId session,
                              std::uint64_t first_event) {
  if (fenced_by_ != 0) return SendResult::sent; // to nobody: what it tells may be nowhere by now
  const Sequence sequence = venue_.sequence();
  const bool waits = holds_answers() && (sequence > followers_.replicated() || !outbox_.empty());
  if (!waits) return transport_.send(connection, bytes);
  return outbox_.hold({sequence, connection, session, first_event}, bytes) ? SendResult::sent
                                                                           : SendResult::would_block;
}

void Sequencer::release_answers() {
  const Sequence replicated = holds_answers() ? followers_.replicated() : venue_.sequence();
  outbox_.release(replicated, transport_, [&](const HeldFrame& frame, SendResult result) {
    ClientSession* const session = sessions_.by_connection(frame.connection);
    if (session == nullptr) return;
    if (result == SendResult::gone) return sessions_.disconnect(*session);
    if (session->id == frame.session && frame.first_event != 0) fall_behind(*session, frame.first_event);
  });
}

// Sends records of one session, in frames; false where its peer does not take them all.
template <class Record>
bool Sequencer::send_rows(ClientSession& session, const Record* records,
                          std::span<const std::uint32_t> rows) {
  while (!rows.empty()) {
    FrameWriter writer(frame_);
    const WrittenFrame written = writer.write_rows<Record>(header(), records, rows);
    CM_CHECK(written.count != 0);
    const Record& first = records[rows.front()];
    const bool journaled = first.sequence != 0;
    const SendResult result =
        journaled ? deliver(session.connection, written.bytes, session.id, first_report(first))
                  : transport_.send(session.connection, written.bytes);
    if (result != SendResult::sent) {
      if (result == SendResult::gone) sessions_.disconnect(session);
      return false;
    }
    rows = rows.subspan(written.count);
  }
  return true;
}

void Sequencer::fall_behind(ClientSession& session, std::uint64_t next_event) {
  session.next_event = session.behind ? std::min(session.next_event, next_event) : next_event;
  session.behind = true;
}

// By session, those rows of `records` that are to go to someone who is connected. Whoever is behind gets no reports: they
// come from the ring.
template <class Record>
void Sequencer::collect(std::span<const Record> records, bool only_current) {
  touched_.clear();
  ClientSession* session = nullptr;
  for (std::uint32_t row = 0; row < records.size(); ++row) {
    const SessionId id = records[row].session;
    if (session == nullptr || session->id != id) session = sessions_.by_id(id);
    if (session == nullptr || !session->connected || (only_current && session->behind)) continue;
    if (session->rows.empty()) touched_.push_back(id);
    session->rows.push_back(row);
  }
}

void Sequencer::route_reports() {
  const std::span<const ExecutionReport> reports = output_.reports.view();
  collect(reports, true);
  for (const SessionId id : touched_) {
    ClientSession& to = *sessions_.by_id(id);
    const std::uint64_t first = reports[to.rows.front()].event_sequence;
    if (!send_rows(to, reports.data(), to.rows)) fall_behind(to, first);
    to.rows.clear();
    to.next_heartbeat = steady_ + to.silence_allowed / 3;
  }
}

// What a reader is too slow for is not sent again: its request is, under its id, and gets the same answer.
template <class Record>
void Sequencer::route_once(std::span<const Record> records) {
  collect(records, false);
  for (const SessionId id : touched_) {
    ClientSession& to = *sessions_.by_id(id);
    send_rows(to, records.data(), to.rows);
    to.rows.clear();
  }
}

namespace {

// The answer to a command of the sequencer itself: nobody asked for it.
bool is_own(const Answer& answer) {
  if (answer.family != static_cast<std::uint16_t>(Family::administration)) return false;
  const auto action = static_cast<AdminAction>(answer.kind);
  return action == AdminAction::open_session || action == AdminAction::lose_session ||
         action == AdminAction::tick;
}

} // namespace

void Sequencer::route_answers() {
  asked_.clear();
  for (const Answer& answer : output_.answers.view())
    if (!is_own(answer)) asked_.push() = answer;
  route_once(asked_.view());
}

namespace {

OrderState state_of(const OrderQuery& query, const std::optional<VenueOrderView>& order, Sequence sequence) {
  OrderState state{};
  state.request = query.request;
  state.account = query.account;
  state.sequence = sequence;
  if (!order) {
    state.order_id = query.order_id;
    state.reject = static_cast<std::uint16_t>(RejectCode::unknown_order);
    std::memcpy(state.client_order_id, query.client_order_id, sizeof state.client_order_id);
    return state;
  }
  state.order_id = order->order_id;
  state.instrument_id = order->instrument_id;
  state.side = order->side;
  state.type = order->type;
  state.time_in_force = order->time_in_force;
  state.order_status = order->order_status;
  state.reject = order->reject;
  state.flags = order->flags;
  state.order_qty = order->order_qty;
  state.cum_qty = order->cum_qty;
  state.leaves_qty = order->leaves_qty;
  state.price = order->price;
  state.stop_price = order->stop_price;
  state.reserved_asset = order->reserved_asset;
  state.reserved_amount = order->reserved;
  state.entered_at = order->entered_at;
  std::memcpy(state.client_order_id, order->client_order_id, sizeof state.client_order_id);
  return state;
}

std::optional<VenueOrderView> find_order(const Venue& venue, const OrderQuery& query) {
  if (query.order_id != 0) {
    auto order = venue.order(query.order_id);
    return order && order->account == query.account ? order : std::nullopt;
  }
  IdHead head;
  IdTail tail;
  std::memcpy(head, query.client_order_id, sizeof head);
  std::memcpy(tail, query.client_order_id + sizeof head, sizeof tail);
  return venue.request(query.account, head, tail);
}

BalanceState balance_of(const Ledger& ledger, const BalanceQuery& query, TenantId tenant, Sequence sequence) {
  BalanceState state{};
  state.request = query.request;
  state.account = query.account;
  state.asset = query.asset;
  state.sequence = sequence;
  const AccountSlot account = ledger.find_account(query.account, tenant);
  const AssetSlot asset = ledger.find_asset(query.asset);
  if (account == kNoSlot || asset == kNoSlot) {
    state.reject = static_cast<std::uint16_t>(account == kNoSlot ? RejectCode::unknown_account
                                                                 : RejectCode::unknown_asset);
    return state;
  }
  const BalanceSlot slot = ledger.find_balance(account, asset);
  if (slot == kNoSlot) return state;
  const Balance& balance = ledger.balance(slot);
  state.total = balance.total;
  state.reserved = balance.reserved;
  state.version = balance.version;
  return state;
}

} // namespace

void Sequencer::answer_queries() {
  for (const Query& query : queries_) {
    if (!query.of_order) {
      send_one(query.connection, balance_of(venue_.ledger(), query.balance, query.tenant, venue_.sequence()));
      continue;
    }
    const bool visible = venue_.ledger().find_account(query.order.account, query.tenant) != kNoSlot;
    send_one(query.connection, state_of(query.order, visible ? find_order(venue_, query.order) : std::nullopt,
                                        venue_.sequence()));
  }
}

void Sequencer::answer() {
  if (fenced_by_ != 0) outbox_.clear();
  release_answers();
  for (const Reply& reply : replies_)
    if (!reply.is_refusal) send_one(reply.connection, reply.session);
  route_reports();
  route_answers();
  route_once(refused_orders_.view());
  route_once(refused_others_.view());
  for (const Reply& reply : replies_)
    if (reply.is_refusal) send_one(reply.connection, reply.refusal);
  if (!queries_.empty()) answer_queries();
  timer_.stage(Timing::stage_send);
}

void Sequencer::close_sessions() {
  for (const ClientSession& session : sessions_.all())
    if (session.id != 0 && session.connected)
      send_one(session.connection, session_answer(SessionOutcome::bye, &session, RejectCode::none));
}

// Sends what the ring still has for the session, a bounded part at a time, until it has all.
void Sequencer::catch_up(ClientSession& session) {
  constexpr std::uint64_t kLookAtMost = 1u << 14;
  if (session.next_event <= ring_.complete_after()) {
    const SessionAnswer resync =
        session_answer(SessionOutcome::resync, &session, RejectCode::resync_required);
    send_one(session.connection, resync);
    session.next_event = resync.event_sequence + 1;
    session.behind = resync.event_sequence < venue_.event_sequence();
    return;
  }
  std::uint64_t at = ring_.position_after(session.next_event - 1);
  const std::uint64_t until = std::min(ring_.end(), at + kLookAtMost);
  RecordBuffer<ExecutionReport> missed;
  for (; at < until; ++at)
    if (ring_.at(at).session == session.id) missed.push() = ring_.at(at);
  std::vector<std::uint32_t> rows(missed.size());
  std::iota(rows.begin(), rows.end(), 0u);
  if (!send_rows(session, missed.data(), rows))
    return; // what of it was sent is sent again: clients know it by its event
  session.next_event = until == ring_.end() ? venue_.event_sequence() + 1 : ring_.at(until).event_sequence;
  session.behind = until != ring_.end();
}

} // namespace cmatch::io
