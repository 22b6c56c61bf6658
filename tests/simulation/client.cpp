#include "client.hpp"

#include <algorithm>

#include "cmatch/venue/text.hpp"
#include "machine.hpp"

namespace cmatch::simulation {

using io::ReportFrame;
using io::ReportHeader;
using io::SessionAction;
using io::SessionAnswer;
using io::SessionOutcome;

namespace {

constexpr TimeNs kTick = 10 * kMillisecond;
constexpr TimeNs kRetry = 120 * kMillisecond;
constexpr TimeNs kLogonTimeout = 200 * kMillisecond;
constexpr TimeNs kHeartbeat = 400 * kMillisecond;
constexpr std::size_t kMostInFrame = 12;
constexpr std::size_t kLookBack = 8; // a cancel or replace is of one of the last orders

std::uint64_t key_of_id(const IdHead& head, const IdTail& tail) { return id_hash(head, tail); }

} // namespace

Client::Client(Schedule& schedule, Trace& trace, Network& network, Oracle& oracle, const World& world,
               std::uint32_t number)
    : schedule_(schedule), trace_(trace), network_(network), oracle_(oracle), world_(world), number_(number),
      account_(account_of(number)), cancels_when_lost_(world.cancels_when_lost && number % 2 == 1) {}

TimeNs Client::wall() const { return kEpochStart + schedule_.now(); }

void Client::start() {
  connect();
  tick();
}

// --- what it asks --------------------------------------------------------------------------------------------------------

Request& Client::add(Family family, TimeNs due) {
  Request& request = requests_.emplace_back();
  request.family = family;
  request.due = due;
  return request;
}

void Client::act(const Step& step) {
  test::Random random(step.salt);
  switch (step.kind) {
  case StepKind::orders:
    for (std::uint32_t i = 0; i < step.count; ++i)
      ask_order(OrderAction::new_order, random);
    break;
  case StepKind::cancel:
    ask_order(OrderAction::cancel, random);
    break;
  case StepKind::replace:
    ask_order(OrderAction::replace, random);
    break;
  case StepKind::mass_cancel:
    ask_order(OrderAction::mass_cancel, random);
    break;
  case StepKind::deposits:
    ask_deposits(step.count, random);
    break;
  case StepKind::again:
    ask_again(step.salt);
    break;
  case StepKind::reconnect:
    return lose("for a change", 5 * kMillisecond);
  case StepKind::silence:
    lose("and falls silent", step.length);
    mute_until_ = schedule_.now() + step.length;
    return;
  default:
    violate("step ", name_of(step.kind), " is none of a client");
  }
  send_due();
}

void Client::ask_order(OrderAction action, test::Random& random) {
  const std::string id = id_of(number_, requests_.size());
  OrderCommand command = base_command(action, account_, id, wall());
  if (action == OrderAction::new_order) {
    fill_new(command, random, kInstrument, kMiddlePrice);
  } else if (action != OrderAction::mass_cancel) {
    std::vector<const OrderCommand*> targets;
    for (auto request = requests_.rbegin(); request != requests_.rend() && targets.size() < kLookBack;
         ++request)
      if (request->is_order() && request->order.kind == static_cast<std::uint16_t>(OrderAction::new_order))
        targets.push_back(&request->order);
    if (targets.empty()) return;
    fill_replace(command, random, *targets[random.below(targets.size())], kMiddlePrice);
  }
  Request& request = add(Family::orders, schedule_.now());
  request.order = command;
  request.key = key_of(command);
  by_key_[key_of_id(command.client_order_id_head, command.client_order_id_tail)] = requests_.size() - 1;
}

void Client::ask_deposits(std::uint32_t count, test::Random& random) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const AssetId asset = random.below(2) == 0 ? kBase : kQuote;
    Request& request = add(Family::ledger, schedule_.now());
    request.ledger =
        deposit(number_, transfers_++, asset, static_cast<Amount>(1 + random.below(5'000)), wall());
    request.key = key_of(request.ledger);
    by_key_[request.ledger.transfer_id[0]] = requests_.size() - 1;
  }
}

// The same bytes once more, answered or not: a client that lost its own memory does that.
void Client::ask_again(std::uint64_t salt) {
  if (requests_.empty()) return;
  Request& request = requests_[salt % requests_.size()];
  request.open = true;
  request.due = schedule_.now();
}

// --- its connection ------------------------------------------------------------------------------------------------------

void Client::connect() {
  if (schedule_.now() < mute_until_) return;
  link_ = network_.open();
  state_ = State::logging_on;
  opened_at_ = heard_at_ = schedule_.now();
  silent_tries_ = 0;
  speak(SessionAction::logon);
}

void Client::lose(const char* why, TimeNs pause) {
  trace_("client ", number_, " leaves machine ", server_, " ", why);
  state_ = State::away;
  connect_at_ = schedule_.now() + pause;
  server_ = (server_ + 1) % world_.machines;
}

void Client::tick() {
  schedule_.after(kTick, [this] { tick(); });
  const TimeNs now = schedule_.now();
  if (now < mute_until_) return;
  switch (state_) {
  case State::away:
    if (now >= connect_at_) connect();
    return;
  case State::logging_on:
    if (now - opened_at_ >= kLogonTimeout) lose("unheard", 5 * kMillisecond);
    return;
  case State::on:
    if (now - heard_at_ >= kHeartbeat || silent_tries_ > 3) return lose("that is silent", 5 * kMillisecond);
    if (now - spoke_at_ >= kHeartbeat / 4) speak(SessionAction::heartbeat);
    send_due();
  }
}

void Client::send(Bytes&& bytes) {
  Envelope envelope;
  envelope.from = endpoint_of_client(world_, number_);
  envelope.to = server_;
  envelope.link = link_;
  envelope.to_server = true;
  envelope.sent_at = spoke_at_ = schedule_.now();
  envelope.bytes = std::move(bytes);
  network_.send(std::move(envelope));
}

void Client::speak(SessionAction action) {
  io::SessionRequest request{};
  request.kind = static_cast<std::uint16_t>(action);
  request.flags = cancels_when_lost_ ? io::kCancelOnDisconnect : 0;
  request.heartbeat_ms = kHeartbeat / kMillisecond;
  request.last_event_sequence = last_event_;
  request.tenant = kTenant;
  request.schema_version = io::kSchemaVersion;
  request.sent_at = wall();
  const std::string name = line_of("client ", number_).replace(6, 1, "-");
  std::memcpy(request.name, name.data(), name.size());
  send(frame_of(std::span<const io::SessionRequest>(&request, 1)));
}

// What is due, of each family, a frame at a time.
void Client::send_due() {
  const TimeNs now = schedule_.now();
  if (state_ != State::on || now < mute_until_) return;
  std::vector<OrderCommand> orders;
  std::vector<LedgerCommand> transfers;
  bool again = false;
  for (Request& request : requests_) {
    if (!request.open || request.due > now) continue;
    if (orders.size() == kMostInFrame || transfers.size() == kMostInFrame) break;
    if (request.is_order())
      orders.push_back(request.order);
    else
      transfers.push_back(request.ledger);
    again = again || request.sent > 0;
    ++request.sent;
    request.due = now + kRetry;
  }
  if (again) ++silent_tries_;
  if (!orders.empty()) send(frame_of(std::span<const OrderCommand>(orders)));
  if (!transfers.empty()) send(frame_of(std::span<const LedgerCommand>(transfers)));
  if (!orders.empty() || !transfers.empty())
    trace_("client ", number_, " asks ", orders.size(), " and ", transfers.size(), again ? " again" : "");
}

void Client::vanish() {
  trace_("client ", number_, " vanishes");
  mute_until_ = kNever;
  complete_until_ = last_event_;
}

// --- what it hears -------------------------------------------------------------------------------------------------------

template <class Record, class Take>
void Client::each_of(const ReportFrame& frame, Take&& take) {
  std::vector<Record> records(frame.records.count);
  io::copy_records(frame.records, records.data());
  for (const Record& record : records)
    take(record);
}

void Client::receive(Envelope&& envelope) {
  if (envelope.link != link_ || state_ == State::away || schedule_.now() < mute_until_) return;
  if (envelope.reset) return lose("that hung up", 20 * kMillisecond);
  ReportFrame frame{};
  if (io::decode_reports(envelope.bytes, frame) != io::FrameFault::none)
    violate("client ", number_, " got a frame that cannot be read");
  if (frame.header.epoch < epoch_) return; // of a core that was succeeded
  epoch_ = frame.header.epoch;
  heard_at_ = schedule_.now();
  silent_tries_ = 0;
  const std::uint32_t life = envelope.life->number;
  switch (frame.list) {
  case io::ReportList::reports:
    return each_of<ExecutionReport>(frame,
                                    [&](const auto& report) { take_report(report, frame.header, life); });
  case io::ReportList::answers:
    return each_of<Answer>(frame, [&](const auto& answer) { take_answer(answer, frame.header, life); });
  case io::ReportList::sessions:
    return each_of<SessionAnswer>(frame, [&](const auto& answer) { take_session(answer); });
  case io::ReportList::refusals:
    return each_of<io::Refusal>(frame, [&](const io::Refusal& refusal) {
      const auto code = static_cast<RejectCode>(refusal.reject);
      if (code == RejectCode::not_logged_on || code == RejectCode::not_leader)
        lose("that does not know it", 5 * kMillisecond);
    });
  case io::ReportList::order_states:
  case io::ReportList::balance_states:
    violate("client ", number_, " got an answer that it did not ask for");
  }
}

void Client::take_session(const SessionAnswer& answer) {
  const auto kind = static_cast<SessionOutcome>(answer.kind);
  trace_("client ", number_, " session answer ", answer.kind, " reject ", answer.reject, " event ",
         answer.event_sequence);
  if (kind == SessionOutcome::bye || kind == SessionOutcome::refused)
    return lose("that turns it away", 15 * kMillisecond);
  if (kind == SessionOutcome::heartbeat) return;
  const bool gone = kind == SessionOutcome::resync || (session_ != 0 && session_ != answer.session) ||
                    (connected_before_ && answer.event_sequence < last_event_);
  if (gone || !connected_before_) resync(answer.event_sequence);
  session_ = answer.session;
  connected_before_ = true;
  if (state_ != State::logging_on) return;
  state_ = State::on;
  for (Request& request : requests_)
    request.due = schedule_.now();
  send_due();
}

// Reports before this event may be missing; what follows is to be all there, whatever a core that is gone told of it.
void Client::resync(std::uint64_t from) {
  if (connected_before_) told_.erase(told_.upper_bound(from), told_.end());
  last_event_ = connected_before_ ? from : std::max(last_event_, from);
  complete_from_ = last_event_;
}

// Whether the report answers the request itself, and is not of what became of its order later. The id of a cancel or a
// replace is on nothing but its answer.
bool Client::is_direct(const Request& request, const ExecutionReport& report) {
  if (request.order.kind != static_cast<std::uint16_t>(OrderAction::new_order)) return true;
  const auto exec_type = static_cast<ExecType>(report.exec_type);
  return exec_type == ExecType::accepted || exec_type == ExecType::rejected;
}

void Client::take_report(const ExecutionReport& report, const ReportHeader& header, std::uint32_t life) {
  if (report.account != account_) violate("client ", number_, " got a report of account ", report.account);
  if (report.sequence != 0) {
    const auto [at, is_first] =
        told_.try_emplace(report.event_sequence, Told{hash_of(report), report.session});
    if (!is_first) {
      ++told_twice_;
      if (at->second.hash != hash_of(report) && !oracle_.rewound())
        violate("client ", number_, " was told event ", report.event_sequence, " in two ways");
      at->second = {hash_of(report), report.session};
    }
    last_event_ = std::max(last_event_, report.event_sequence);
  }
  const auto found = by_key_.find(key_of_id(report.client_order_id_head, report.client_order_id_tail));
  if (found == by_key_.end()) violate("client ", number_, " got a report of an order that it never sent");
  Request& request = requests_[found->second];
  if (!is_direct(request, report)) return;
  settle(request, {report.exec_type, report.reject, report.order_id, 0}, report.sequence, header, life);
}

void Client::take_answer(const Answer& answer, const ReportHeader& header, std::uint32_t life) {
  if (answer.family != static_cast<std::uint16_t>(Family::ledger)) return;
  const auto found = by_key_.find(answer.transfer_id[0]);
  if (found == by_key_.end()) violate("client ", number_, " got an answer to a deposit that it never made");
  settle(requests_[found->second], {0, answer.reject, 0, answer.total}, answer.sequence, header, life);
}

// An answer came. What was never journaled says "not now"; all else is the request's outcome, each time the same.
void Client::settle(Request& request, const Outcome& outcome, Sequence sequence, const ReportHeader& header,
                    std::uint32_t life) {
  if (sequence == 0) {
    request.due = std::max(request.due, schedule_.now() + 30 * kMillisecond);
    return;
  }
  oracle_.acknowledge({sequence, request.key, header.epoch, life, number_});
  request.open = false;
  const auto code = static_cast<RejectCode>(outcome.reject);
  if (code == RejectCode::too_old && oracle_.jumped()) return; // what it was is forgotten
  if (code == RejectCode::timestamp_out_of_window) {           // of the core's clock, not of the request
    request.open = true;
    request.due = schedule_.now() + 100 * kMillisecond;
    return;
  }
  trace_("client ", number_, " is told ", outcome.exec_type, " reject ", outcome.reject, " order ",
         outcome.order_id, " at ", sequence);
  if (!request.outcome || oracle_.rewound()) {
    request.outcome = outcome;
  } else if (!(*request.outcome == outcome)) {
    violate("client ", number_, " was told two outcomes of one request: ", request.outcome->exec_type, "/",
            request.outcome->reject, "/", request.outcome->order_id, "/", request.outcome->total, " and ",
            outcome.exec_type, "/", outcome.reject, "/", outcome.order_id, "/", outcome.total);
  }
}

// --- at the end ----------------------------------------------------------------------------------------------------------

bool Client::settled() const {
  return state_ == State::on &&
         std::none_of(requests_.begin(), requests_.end(), [](const Request& r) { return r.open; });
}

std::string Client::waits_for() const {
  if (state_ != State::on) return line_of("client ", number_, " is not logged on");
  for (const Request& request : requests_)
    if (request.open)
      return line_of("client ", number_, " waits for ", request.is_order() ? "order " : "deposit ",
                     text_of(request.order.client_order_id_head), ", sent ", request.sent, " times");
  return line_of("client ", number_, " waits for nothing");
}

void Client::check(const Story& story) const {
  if (oracle_.rewound()) return;
  std::size_t mine = 0, missing = 0;
  std::uint64_t first_missing = 0;
  for (const ExecutionReport& report : story.output.reports.view()) {
    const auto told = told_.find(report.event_sequence);
    if (told == told_.end()) {
      if (report.session != session_ || !world_.ordered || report.event_sequence <= complete_from_ ||
          report.event_sequence > complete_until_)
        continue;
      if (missing++ == 0) first_missing = report.event_sequence;
      continue;
    }
    ++mine;
    if (told->second.hash != hash_of(report))
      violate("client ", number_, " was told otherwise of event ", report.event_sequence);
  }
  if (mine != told_.size())
    violate("client ", number_, " was told of ", told_.size() - mine, " events that never were");
  if (missing != 0)
    violate("client ", number_, " was never told of ", missing, " events of its session, the first is ",
            first_missing);
}

} // namespace cmatch::simulation
