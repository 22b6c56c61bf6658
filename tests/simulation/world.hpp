// The market that every run begins with, and the frames that make it.
#pragma once

#include <span>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "network.hpp"

namespace cmatch::simulation {

inline constexpr AssetId kBase = 1, kQuote = 2;
inline constexpr InstrumentId kInstrument = 1;
inline constexpr TenantId kTenant = 1;
inline constexpr Amount kLotUnits = 10;     // minor units of base in a lot
inline constexpr Amount kNotionalUnits = 1; // of quote in a tick times a lot
inline constexpr Ticks kMiddlePrice = 1'000;

inline AccountId account_of(std::uint32_t client) { return 101 + client; }

// A transfer id says how much it moves: the oracle needs no other source.
inline constexpr unsigned kAmountBits = 32;
inline std::uint64_t transfer_id_of(std::uint32_t client, std::uint32_t number, Amount amount) {
  return (std::uint64_t{client + 1} << 16 | number) << kAmountBits | static_cast<std::uint64_t>(amount);
}
inline Amount amount_of_transfer(std::uint64_t id) {
  return static_cast<Amount>(id & ((std::uint64_t{1} << kAmountBits) - 1));
}

template <class Record>
Bytes frame_of(std::span<const Record> records) {
  std::vector<std::byte> memory(io::FrameWriter::largest_frame<Record>(records.size()));
  io::FrameWriter writer(memory);
  const io::WrittenFrame written = writer.write<Record>(io::CommandHeader{}, records);
  return {written.bytes.begin(), written.bytes.end()};
}

LedgerCommand deposit(std::uint32_t client, std::uint32_t number, AssetId asset, Amount amount,
                      TimeNs sent_at);

// The operator's logon, assets, an instrument, and accounts with money, one frame each.
std::vector<Bytes> opening(const World& world, TimeNs now);

} // namespace cmatch::simulation
