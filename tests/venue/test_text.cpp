// Client order ids and symbols: which are right, and which are the same.
#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>

#include "cmatch/venue/text.hpp"

TEST_SUITE_BEGIN("test_text");

using namespace cmatch;

namespace {

struct Id {
  IdHead head{};
  IdTail tail{};
  explicit Id(const std::string& text) {
    char padded[kIdLength] = {};
    std::memcpy(padded, text.data(), std::min(text.size(), kIdLength));
    std::memcpy(head, padded, sizeof head);
    std::memcpy(tail, padded + sizeof head, sizeof tail);
  }
};

bool printable(const std::string& text) {
  const Id id(text);
  return is_printable_id(id.head, id.tail);
}

bool symbol(const std::string& text) {
  char padded[24] = {};
  std::memcpy(padded, text.data(), std::min(text.size(), sizeof padded));
  return is_symbol(padded);
}

} // namespace

TEST_CASE("client order id: 1 to 40 printable characters, is right; its length is that of its text") {
  for (std::size_t length = 1; length <= kIdLength; ++length) {
    const Id id(std::string(length, '~'));
    CHECK(is_printable_id(id.head, id.tail));
    CHECK(id_length(id.head, id.tail) == length);
    CHECK_FALSE(is_empty_id(id.head, id.tail));
  }
  CHECK(printable("!order-7/B#\"\\"));
}

TEST_CASE("client order id: empty, a space, a control or non-ASCII character anywhere, is wrong") {
  CHECK_FALSE(printable(""));
  CHECK(is_empty_id(Id("").head, Id("").tail));
  CHECK(id_length(Id("").head, Id("").tail) == 0);
  for (std::size_t at = 0; at < kIdLength; ++at)
    for (const char wrong : {' ', '\t', '\x1f', '\x7f', '\x80', '\xff'}) {
      std::string text(kIdLength, 'a');
      text[at] = wrong;
      CHECK_FALSE(printable(text));
    }
}

TEST_CASE("client order id: a character after the first zero, is wrong") {
  for (std::size_t length = 0; length + 1 < kIdLength; ++length)
    for (std::size_t at = length + 1; at < kIdLength; ++at) {
      std::string text(length, 'a');
      text.resize(kIdLength, '\0');
      text[at] = 'b';
      CHECK_FALSE(printable(text));
    }
}

TEST_CASE("client order id: another in any one character, is another id with another hash") {
  std::set<std::uint64_t> hashes;
  const Id base(std::string(kIdLength, 'a'));
  CHECK(same_id(base.head, base.tail, Id(std::string(kIdLength, 'a')).head, base.tail));
  hashes.insert(id_hash(base.head, base.tail));
  for (std::size_t at = 0; at < kIdLength; ++at) {
    std::string text(kIdLength, 'a');
    text[at] = 'b';
    const Id other(text);
    CHECK_FALSE(same_id(base.head, base.tail, other.head, other.tail));
    hashes.insert(id_hash(other.head, other.tail));
    hashes.insert(id_hash(Id(text.substr(0, at)).head, Id(text.substr(0, at)).tail));
  }
  CHECK(hashes.size() == 2 * kIdLength + 1);
  CHECK(id_hash(base.head, base.tail, 1) != id_hash(base.head, base.tail, 2));
}

TEST_CASE("symbol: 1 to 24 of the alphabet, is right; all else is wrong") {
  CHECK(symbol("BTC-USD"));
  CHECK(symbol("A"));
  CHECK(symbol("0123456789-./_ABCDEFGHIJ"));
  for (int c = 1; c < 256; ++c) {
    const bool right = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::strchr("-./_", c) != nullptr;
    CHECK(symbol(std::string("A") + static_cast<char>(c)) == right);
  }
  CHECK_FALSE(symbol(""));
  CHECK_FALSE(symbol(std::string("A\0B", 3)));
}
