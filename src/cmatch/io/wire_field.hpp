// How the made header wire_layout.hpp describes a field of a record, and ties the record's own layout to the schema's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cmatch::io {

// Where a field lies in its record, in bytes. `kind`: 'u' and 'i' integers, 'S' ASCII padded with zeros.
struct WireField {
  const char* name;
  char kind;
  std::uint16_t offset;
  std::uint16_t size;  // of one element
  std::uint16_t count; // 1 but for arrays of integers
};

// The field as the schema has it; does not compile where the record has it otherwise.
template <class Member>
consteval WireField wire_field(const char* name, std::size_t actual, std::size_t offset, char kind,
                               std::size_t size) {
  using Element = std::remove_all_extents_t<Member>;
  if (actual != offset) throw "the record has this field elsewhere than the schema";
  if (sizeof(Member) != size) throw "the record has this field in another size than the schema";
  const bool text = std::is_same_v<Element, char>;
  if (text != (kind == 'S') || (!text && std::is_signed_v<Element> != (kind == 'i')))
    throw "the record has this field of another type than the schema";
  const std::size_t element = text ? size : sizeof(Element);
  return {name, kind, static_cast<std::uint16_t>(offset), static_cast<std::uint16_t>(element),
          static_cast<std::uint16_t>(size / element)};
}

// Whether the members of an enum have the numbers 1, 2, 3 and so on, as the schema's have.
template <class... Members>
consteval bool numbered_from_one(Members... members) {
  std::uint64_t number = 0;
  return ((static_cast<std::uint64_t>(members) == ++number) && ...);
}

// Of a record of a hot frame: the header of that frame, its list, its words, its name in Python, its fields.
template <class Record>
struct Wire;

} // namespace cmatch::io

#define CM_WIRE(record, field, offset, kind, size)                                                           \
  ::cmatch::io::wire_field<decltype(record::field)>(#field, offsetof(record, field), offset, kind, size)

#define CM_WIRE_RECORD(record, header, number, size, text)                                                   \
  static_assert(sizeof(record) == (size) * std::size_t{8});                                                  \
  template <>                                                                                                \
  struct Wire<record> {                                                                                      \
    using Header = header;                                                                                   \
    static constexpr auto list = number;                                                                     \
    static constexpr std::uint32_t words = size;                                                             \
    static constexpr const char* name = text;                                                                \
    static constexpr const auto& fields = k##record##Fields;                                                 \
  }
