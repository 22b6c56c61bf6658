// The ASCII ids of the records: padded with zeros, some in two parts (records.hpp). Pure functions.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "cmatch/venue/hash_index.hpp"

namespace cmatch {

using IdHead = char[16];
using IdTail = char[24];

inline constexpr std::size_t kIdLength = sizeof(IdHead) + sizeof(IdTail);

inline std::uint64_t word_at(const void* bytes, std::size_t at) {
  std::uint64_t word;
  std::memcpy(&word, static_cast<const char*>(bytes) + at, sizeof word);
  return word;
}

// How many characters come before the first zero.
template <std::size_t N>
std::size_t text_length(const char (&text)[N]) {
  const void* end = std::memchr(text, 0, N);
  return end == nullptr ? N : static_cast<std::size_t>(static_cast<const char*>(end) - text);
}

template <std::size_t N>
std::string_view text_of(const char (&text)[N]) {
  return {text, text_length(text)};
}

// All of `rest` is padding.
template <std::size_t N>
bool all_zero(const char (&text)[N], std::size_t from = 0) {
  unsigned char any = 0;
  for (std::size_t i = from; i < N; ++i)
    any |= static_cast<unsigned char>(text[i]);
  return any == 0;
}

inline bool is_graphic(std::string_view text) { // printable ASCII without the space
  for (const char c : text)
    if (c <= ' ' || c > '~') return false;
  return true;
}

// Nothing, or printable ASCII without a space; zeros after it.
template <std::size_t N>
bool is_text(const char (&text)[N]) {
  const std::string_view said = text_of(text);
  return is_graphic(said) && all_zero(text, said.size());
}

inline bool is_empty_id(const IdHead& head, const IdTail& tail) {
  return (word_at(head, 0) | word_at(head, 8) | word_at(tail, 0) | word_at(tail, 8) | word_at(tail, 16)) == 0;
}

// All eight characters are graphic. What is below '!' borrows from the next one up, what is above '~' carries into it: the
// lowest such shows in its own highest bit.
inline bool is_graphic_word(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101ull;
  return (((word - kEach * '!') | (word + kEach) | word) & kEach * 0x80) == 0;
}

// Graphic characters up to the last that is not zero; one at least.
inline bool is_graphic_end(std::uint64_t word) {
  static_assert(std::endian::native == std::endian::little, "the first character is in the lowest byte");
  if (word == 0) return false;
  const int zeros = std::countl_zero(word) / 8 * 8; // bits behind its characters
  return is_graphic_word(zeros == 0 ? word : word | 0x2121212121212121ull << (64 - zeros));
}

// 1 to 40 printable ASCII characters without a space, zeros after them.
inline bool is_printable_id(const IdHead& head, const IdTail& tail) {
  const std::uint64_t first = word_at(head, 0), second = word_at(head, 8);
  const std::uint64_t third = word_at(tail, 0), fourth = word_at(tail, 8), fifth = word_at(tail, 16);
  if ((third | fourth | fifth) == 0)
    return second == 0 ? is_graphic_end(first) : is_graphic_word(first) && is_graphic_end(second);
  if (!is_graphic_word(first) || !is_graphic_word(second)) return false;
  if ((fourth | fifth) == 0) return is_graphic_end(third);
  if (!is_graphic_word(third)) return false;
  return fifth == 0 ? is_graphic_end(fourth) : is_graphic_word(fourth) && is_graphic_end(fifth);
}

inline bool same_id(const IdHead& head, const IdTail& tail, const IdHead& other_head,
                    const IdTail& other_tail) {
  return std::memcmp(head, other_head, sizeof(IdHead)) == 0 &&
         std::memcmp(tail, other_tail, sizeof(IdTail)) == 0;
}

// Characters of an id, 0 to 40.
inline std::size_t id_length(const IdHead& head, const IdTail& tail) {
  const std::size_t first = text_length(head);
  return first < sizeof(IdHead) ? first : first + text_length(tail);
}

// 1 to 24 of A-Z, 0-9 and -./_, zeros after them.
inline bool is_symbol(const char (&symbol)[24]) {
  const std::string_view text = text_of(symbol);
  if (text.empty() || !all_zero(symbol, text.size())) return false;
  for (const char c : text)
    if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/' || c == '_'))
      return false;
  return true;
}

// For tables within one process only: its value depends on the byte order of the machine.
inline std::uint64_t id_hash(const IdHead& head, const IdTail& tail, std::uint64_t seed = 0) {
  std::uint64_t hash =
      mix(word_at(head, 0) ^ seed ^ 0x243F6A8885A308D3ull, word_at(head, 8) ^ 0x13198A2E03707344ull);
  const std::uint64_t first = word_at(tail, 0), second = word_at(tail, 8), third = word_at(tail, 16);
  if ((first | second | third) != 0) {
    hash = mix(hash ^ first, second ^ 0xA4093822299F31D0ull);
    hash = mix(hash ^ third, 0x9E3779B97F4A7C15ull);
  }
  return mix(hash ^ seed ^ 0x082EFA98EC4E6C89ull, 0xD6E8FEB86659FD93ull);
}

// A digest of words in their order, for comparing contents: two words a multiplication, four of them side by side. Unrolled
// where it is used, where many a word is known to be zero.
template <std::size_t N>
[[gnu::always_inline]] inline std::uint64_t words_digest(const std::uint64_t (&words)[N]) {
  static_assert(N % 2 == 0);
  constexpr std::uint64_t kKeys[4] = {0x13198A2E03707344ull, 0xA4093822299F31D0ull, 0x082EFA98EC4E6C89ull,
                                      0x452821E638D01377ull};
  std::uint64_t strands[4] = {0xBE5466CF34E90C6Cull, 0xC0AC29B7C97C50DDull, 0x3F84D5B5B5470917ull,
                              0x9216D5D98979FB1Bull};
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((strands[i % 4] = mix(words[2 * i] ^ kKeys[i % 4], words[2 * i + 1] ^ strands[i % 4])), ...);
  }(std::make_index_sequence<N / 2>());
  return mix(mix(strands[0] ^ kKeys[1], strands[1] ^ kKeys[2]) ^ strands[2], strands[3] ^ kKeys[3]);
}

// The same of all words of a record.
template <class Record>
[[gnu::always_inline]] inline std::uint64_t record_digest(const Record& record) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    const std::uint64_t words[] = {word_at(&record, i * 8)...};
    return words_digest(words);
  }(std::make_index_sequence<sizeof(Record) / 8>());
}

} // namespace cmatch
