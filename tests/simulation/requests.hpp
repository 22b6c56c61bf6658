// What a client asks: orders and deposits, each with an id under which it may be asked again.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "cmatch/venue/records.hpp"
#include "cmatch/venue/text.hpp"
#include "io/random.hpp"
#include "oracle.hpp"
#include "schedule.hpp"

namespace cmatch::simulation {

// What became of a request, as its first answer said.
struct Outcome {
  std::uint16_t exec_type = 0; // of an order
  std::uint16_t reject = 0;
  std::uint64_t order_id = 0;
  Amount total = 0; // of a deposit: the balance after it

  bool operator==(const Outcome&) const = default;
};

struct Request {
  Family family{};
  OrderCommand order{};
  LedgerCommand ledger{};
  std::uint64_t key = 0;
  TimeNs due = 0; // when it is sent, or sent again
  std::uint32_t sent = 0;
  bool open = true; // an answer is wanted
  std::optional<Outcome> outcome;

  bool is_order() const { return family == Family::orders; }
};

template <std::size_t Head, std::size_t Tail>
void put_id(const std::string& id, char (&head)[Head], char (&tail)[Tail]) {
  std::memset(head, 0, Head);
  std::memset(tail, 0, Tail);
  std::memcpy(head, id.data(), std::min(id.size(), Head));
  if (id.size() > Head) std::memcpy(tail, id.data() + Head, std::min(id.size() - Head, Tail));
}

// Short ids and long ones, so that both parts of an id carry some of it.
inline std::string id_of(std::uint32_t client, std::size_t number) {
  const std::string id = line_of("c", client, "-", number);
  return number % 5 == 4 ? id + "-of-a-long-kind" : id;
}

inline OrderCommand base_command(OrderAction action, AccountId account, const std::string& id,
                                 TimeNs sent_at) {
  OrderCommand command{};
  command.kind = static_cast<std::uint16_t>(action);
  command.account = account;
  command.sent_at = sent_at;
  put_id(id, command.client_order_id_head, command.client_order_id_tail);
  return command;
}

// Prices lie close enough to each other for most of them to trade.
inline void fill_new(OrderCommand& command, test::Random& random, InstrumentId instrument, Ticks middle) {
  command.instrument_id = instrument;
  command.side = static_cast<std::uint16_t>(random.below(2) == 0 ? Side::buy : Side::sell);
  command.qty = static_cast<Lots>(1 + random.below(20));
  const std::uint64_t kind = random.below(10);
  command.type = static_cast<std::uint16_t>(kind == 0 ? OrderType::market : OrderType::limit);
  command.time_in_force = static_cast<std::uint16_t>(kind < 3 ? TimeInForce::ioc : TimeInForce::gtc);
  if (kind == 0) return;
  command.price = middle + static_cast<Ticks>(random.below(21)) - 10;
  command.present |= kHasPrice;
}

inline void fill_replace(OrderCommand& command, test::Random& random, const OrderCommand& target,
                         Ticks middle) {
  std::memcpy(command.orig_client_order_id_head, target.client_order_id_head, sizeof(IdHead));
  std::memcpy(command.orig_client_order_id_tail, target.client_order_id_tail, sizeof(IdTail));
  command.instrument_id = target.instrument_id;
  if (command.kind != static_cast<std::uint16_t>(OrderAction::replace)) return;
  command.qty = static_cast<Lots>(1 + random.below(25));
  command.price = middle + static_cast<Ticks>(random.below(21)) - 10;
  command.present |= kHasQty | kHasPrice;
}

} // namespace cmatch::simulation
