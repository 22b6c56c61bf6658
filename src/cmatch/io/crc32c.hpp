// CRC-32C (Castagnoli), as in RFC 3720: finds damage, not malice.
#pragma once

#include <cstdint>
#include <span>

namespace cmatch::io {

// The checksum of what `crc` was of, followed by `bytes`; 0 is that of nothing. By the processor's own instruction
// where it has one. O(n).
std::uint32_t crc32c(std::uint32_t crc, std::span<const std::uint8_t> bytes);

// The two ways by name, for the test that compares them.
std::uint32_t crc32c_by_table(std::uint32_t crc, std::span<const std::uint8_t> bytes);
bool has_crc32c_instruction();
std::uint32_t crc32c_by_instruction(std::uint32_t crc, std::span<const std::uint8_t> bytes); // needs it

} // namespace cmatch::io
