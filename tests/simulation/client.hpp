// A client: logs on, asks, asks again where nothing comes, takes up its reports where they broke off, and tries the next
// core where one is silent. It believes nothing of a core whose epoch is behind another's.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "cmatch/io/session_records.hpp"
#include "network.hpp"
#include "oracle.hpp"
#include "requests.hpp"
#include "world.hpp"

namespace cmatch::simulation {

// Owns its requests and what it heard. One thread. O(open requests) a tick.
class Client {
 public:
  Client(Schedule& schedule, Trace& trace, Network& network, Oracle& oracle, const World& world,
         std::uint32_t number);

  void start();
  void act(const Step& step);
  void receive(Envelope&& envelope);
  // Nobody hears of it again. Its orders are to go, too, where it asked for that.
  void vanish();

  AccountId account() const { return account_; }
  bool cancels_when_lost() const { return cancels_when_lost_; }
  bool settled() const; // it is logged on, and nothing that it asked is open
  std::string waits_for() const;
  // What it was told is what follows from the journal.
  void check(const Story& story) const;
  std::size_t requests() const { return requests_.size(); }
  std::uint64_t told_twice() const { return told_twice_; }

 private:
  enum class State : std::uint8_t { away, logging_on, on };
  struct Told {
    std::uint64_t hash;
    std::uint32_t session;
  };

  TimeNs wall() const;
  Request& add(Family family, TimeNs due);
  void ask_order(OrderAction action, test::Random& random);
  void ask_deposits(std::uint32_t count, test::Random& random);
  void ask_again(std::uint64_t salt);

  void tick();
  void connect();
  void lose(const char* why, TimeNs pause);
  void send(Bytes&& bytes);
  void speak(io::SessionAction action);
  void send_due();

  template <class Record, class Take>
  void each_of(const io::ReportFrame& frame, Take&& take);
  void take_session(const io::SessionAnswer& answer);
  void take_report(const ExecutionReport& report, const io::ReportHeader& header, std::uint32_t life);
  void take_answer(const Answer& answer, const io::ReportHeader& header, std::uint32_t life);
  void settle(Request& request, const Outcome& outcome, Sequence sequence, const io::ReportHeader& header,
              std::uint32_t life);
  void resync(std::uint64_t from);
  static bool is_direct(const Request& request, const ExecutionReport& report);

  Schedule& schedule_;
  Trace& trace_;
  Network& network_;
  Oracle& oracle_;
  const World& world_;
  std::uint32_t number_;
  AccountId account_;
  bool cancels_when_lost_;

  State state_ = State::away;
  Endpoint server_ = 0;
  Link link_ = 0;
  TimeNs mute_until_ = 0, opened_at_ = 0, heard_at_ = 0, spoke_at_ = 0, connect_at_ = 0;
  std::uint64_t epoch_ = 0;
  SessionId session_ = 0;
  bool connected_before_ = false;
  std::uint64_t last_event_ = 0;

  std::deque<Request> requests_;
  std::map<std::uint64_t, std::size_t> by_key_; // of the id: its request
  std::map<std::uint64_t, Told> told_;          // by event sequence
  std::uint64_t complete_from_ = 0; // between these two events it was told of all that became of this session
  std::uint64_t complete_until_ = UINT64_MAX;
  std::uint32_t transfers_ = 2;
  std::uint32_t silent_tries_ = 0;
  std::uint64_t told_twice_ = 0;
};

} // namespace cmatch::simulation
