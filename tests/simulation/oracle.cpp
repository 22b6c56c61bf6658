#include "oracle.hpp"

#include <cstring>
#include <set>
#include <utility>

#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/replayer.hpp"
#include "cmatch/venue/text.hpp"
#include "world.hpp"

namespace cmatch::simulation {
namespace {

using io::CommandFrame;
using io::CommandList;

template <class Record>
void add_keys(const CommandFrame& frame, std::vector<std::uint64_t>& keys) {
  std::vector<Record> records(frame.records.count);
  io::copy_records(frame.records, records.data());
  for (const Record& record : records)
    keys.push_back(key_of(record));
}

void add_keys(const CommandFrame& frame, std::vector<std::uint64_t>& keys) {
  if (frame.list == CommandList::orders) return add_keys<OrderCommand>(frame, keys);
  if (frame.list == CommandList::ledger) return add_keys<LedgerCommand>(frame, keys);
  keys.resize(keys.size() + frame.records.count);
}

// visit(record, frame) of every record, in order. Throws what a JournalReader throws.
template <class Visit>
void read_journal(const io::MemoryDisk& disk, Visit&& visit) {
  io::MemoryDisk copy({.capacity_bytes = UINT64_MAX, .tracks_crashes = false});
  copy_journal(disk, copy);
  io::JournalReader reader(copy, kJournalDirectory, 1);
  Sequence next = 1;
  while (const auto record = reader.next()) {
    CommandFrame frame{};
    const auto fault = io::decode_commands(std::as_bytes(record->payload), frame, io::kRecordBytes);
    if (fault != io::FrameFault::none) violate("a journal record that cannot be read, at sequence ", next);
    if (record->first_sequence != next || frame.header.first_seq != next ||
        frame.records.count != record->count)
      violate("the record at sequence ", next, " says otherwise of itself");
    if (frame.header.epoch != record->epoch || frame.header.ts_ns != record->ts_ns)
      violate("header and payload of the record at sequence ", next, " differ");
    next += record->count;
    visit(*record, frame);
  }
  reader.check_tail();
}

std::vector<std::uint64_t> read_keys(const io::MemoryDisk& disk) {
  std::vector<std::uint64_t> keys;
  read_journal(disk, [&](const io::RecordView&, const CommandFrame& frame) { add_keys(frame, keys); });
  return keys;
}

} // namespace

void copy_journal(const io::MemoryDisk& from, io::MemoryDisk& to) {
  for (const std::string& path : from.paths())
    if (path.starts_with(kJournalDirectory) && path.ends_with(".journal"))
      to.set_contents(path, from.contents(path));
}

std::uint64_t key_of(const OrderCommand& command) {
  return mix(id_hash(command.client_order_id_head, command.client_order_id_tail, command.account),
             command.kind) |
         1;
}

std::uint64_t key_of(const LedgerCommand& command) {
  return mix(command.transfer_id[0] ^ 0x6C6564676572ull, command.transfer_id[1] ^ command.account) | 1;
}

std::uint64_t hash_of(const ExecutionReport& report) {
  std::uint64_t words[sizeof report / 8];
  std::memcpy(words, &report, sizeof report);
  return words_digest(words);
}

Story read_story(const io::MemoryDisk& disk) {
  Story story;
  io::Replayer replayer;
  read_journal(disk, [&](const io::RecordView& record, const CommandFrame& frame) {
    add_keys(frame, story.keys);
    replayer.apply(std::as_bytes(record.payload), story.venue, story.output);
  });
  return story;
}

// --- while things happen -------------------------------------------------------------------------------------------------

std::uint32_t Oracle::new_life(std::uint32_t machine) {
  lives_.push_back({machine, 0});
  return static_cast<std::uint32_t>(lives_.size());
}

void Oracle::acknowledge(const Acknowledgement& acknowledgement) {
  acknowledged_.push_back(acknowledgement);
  // What an earlier life wrote may be told again by one that writes nothing, and leaves its epoch to the next.
  if (acknowledgement.sequence <= lives_[acknowledgement.life - 1].had) return;
  const auto [leader, is_first] = leaders_.try_emplace(acknowledgement.epoch, acknowledgement.life);
  if (!is_first && leader->second != acknowledgement.life && !rewound_ && losses_.empty())
    violate("lives ", leader->second, " and ", acknowledgement.life, " both acknowledged in epoch ",
            acknowledgement.epoch);
}

void Oracle::power_cut(Sequence durable) {
  if (world_.durability != io::Durability::process) return;
  losses_.push_back({static_cast<std::uint32_t>(lives_.size()), durable});
}

void Oracle::recovered(std::uint32_t machine, const io::MemoryDisk& disk, Sequence excused_after,
                       bool shorter) {
  const std::vector<std::uint64_t> keys = read_keys(disk);
  trace_("machine ", machine, " has recovered ", keys.size(), " sequences");
  lives_.back().had = keys.size();
  if (world_.durability == io::Durability::replica) return; // what it lacks another machine may have
  if (excused_after != UINT64_MAX)
    losses_.push_back({static_cast<std::uint32_t>(lives_.size()), excused_after});
  check_kept(keys);
  // Reports of what is gone may have been told to others than those who asked.
  if (shorter && (excused_after != UINT64_MAX || world_.durability == io::Durability::process))
    rewound_ = true;
}

void Oracle::accept_loss(const io::MemoryDisk& disk, Sequence kept, bool rotten) {
  trace_("loss is accepted after sequence ", kept);
  losses_.push_back({static_cast<std::uint32_t>(lives_.size()), kept});
  rewound_ = true;
  if (!rotten) check_kept(read_keys(disk));
}

void Oracle::took_the_lead(const io::MemoryDisk& disk) { check_kept(read_keys(disk)); }

// What was promised is there. What need not be is forgotten once it is found missing.
void Oracle::check_kept(const std::vector<std::uint64_t>& keys) {
  std::erase_if(acknowledged_, [&](const Acknowledgement& told) {
    if (told.sequence <= keys.size() && keys[told.sequence - 1] == told.key) return false;
    bool may_be_gone = false;
    for (const Loss& loss : losses_)
      may_be_gone = may_be_gone || (told.life <= loss.life && told.sequence > loss.kept);
    if (!may_be_gone)
      violate(told.sequence > keys.size() ? "lost" : "replaced", ": what life ", told.life,
              " acknowledged to client ", told.client, " at sequence ", told.sequence, "; the journal has ",
              keys.size());
    rewound_ = true;
    return true;
  });
}

// --- at the end ----------------------------------------------------------------------------------------------------------

void Oracle::check(const Story& story, const Venue& live) {
  const auto same = [](const char* what, std::uint64_t written, std::uint64_t lived) {
    if (written != lived)
      violate(what, " of the journal is ", written, ", of the core that wrote it ", lived);
  };
  same("the sequence", story.venue.sequence(), live.sequence());
  same("the event sequence", story.venue.event_sequence(), live.event_sequence());
  same("the digest of events", story.venue.event_digest(), live.event_digest());
  same("the state hash", story.venue.state_hash(), live.state_hash());
  live.check_invariants();
  check_kept(story.keys);
  check_once(story);
  check_money(story);
}

// No request took effect twice.
void Oracle::check_once(const Story& story) {
  std::set<std::pair<AccountId, std::string>> accepted;
  for (const ExecutionReport& report : story.output.reports.view()) {
    if (report.exec_type != static_cast<std::uint16_t>(ExecType::accepted)) continue;
    if ((report.flags & kReportDuplicate) != 0) continue;
    const std::string id =
        std::string(text_of(report.client_order_id_head)) + std::string(text_of(report.client_order_id_tail));
    if (!accepted.emplace(report.account, id).second)
      violate("twice: order ", id, " of account ", report.account, ", again at sequence ", report.sequence);
  }
  std::set<std::pair<std::uint64_t, std::uint64_t>> paid;
  for (const Answer& answer : story.output.answers.view()) {
    if (answer.family != static_cast<std::uint16_t>(Family::ledger) || answer.reject != 0) continue;
    if ((answer.flags & kAnswerDuplicate) != 0) continue;
    if (!paid.emplace(answer.transfer_id[1], answer.transfer_id[0]).second)
      violate("twice: transfer ", answer.transfer_id[0], ", again at sequence ", answer.sequence);
  }
}

// All money is where deposits and trades, as they were reported, have put it; of each asset it sums to zero.
void Oracle::check_money(const Story& story) {
  std::map<std::pair<AccountId, AssetId>, Amount> expected;
  for (const Answer& answer : story.output.answers.view()) {
    if (answer.family != static_cast<std::uint16_t>(Family::ledger) || answer.reject != 0) continue;
    if ((answer.flags & kAnswerDuplicate) != 0) continue;
    expected[{answer.account, answer.asset}] += amount_of_transfer(answer.transfer_id[0]);
    expected[{kExternal, answer.asset}] -= amount_of_transfer(answer.transfer_id[0]);
  }
  for (const ExecutionReport& report : story.output.reports.view()) {
    if (report.exec_type != static_cast<std::uint16_t>(ExecType::trade)) continue;
    const Amount sign = report.side == static_cast<std::uint16_t>(Side::buy) ? 1 : -1;
    expected[{report.account, kBase}] += sign * report.last_qty * kLotUnits;
    expected[{report.account, kQuote}] -= sign * report.last_qty * report.last_price * kNotionalUnits;
    expected[{report.account, report.fee_asset}] -= report.fee;
    expected[{kFees, report.fee_asset}] += report.fee;
  }
  std::map<AssetId, Amount> sums;
  const Ledger& ledger = story.venue.ledger();
  for (AccountSlot slot = 0; slot < ledger.accounts(); ++slot)
    ledger.for_each_balance(slot, [&](BalanceSlot, const Balance& balance) {
      const AccountId account = ledger.account(slot).id;
      const AssetId asset = ledger.asset(balance.asset).id;
      sums[asset] += balance.total;
      Amount& left = expected[{account, asset}];
      if (left != balance.total)
        violate("account ", account, " has ", balance.total, " of asset ", asset, ", its reports say ", left);
      left = 0;
    });
  for (const auto& [place, amount] : expected)
    if (amount != 0) violate("account ", place.first, " lacks ", amount, " of asset ", place.second);
  for (const auto& [asset, sum] : sums)
    if (sum != 0) violate("the balances of asset ", asset, " sum to ", sum);
}

} // namespace cmatch::simulation
