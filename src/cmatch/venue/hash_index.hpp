// From keys to 32-bit slots, by open addressing: linear probing, backward-shift deletion, never rehashed, at most half
// full. Owns its cells. Not thread-safe. find, insert, erase: O(1) for keys that are not chosen to collide; the caller
// seeds the hash where strangers choose them. There is no iteration: the order of cells is nobody's business.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"

namespace cmatch {

inline constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash_of(std::uint64_t key) {
  return mix(key ^ 0x9E3779B97F4A7C15ull, 0xD6E8FEB86659FD93ull);
}
template <class Key>
  requires requires(const Key& key) { key.digest(); }
std::uint64_t hash_of(const Key& key) {
  return key.digest();
}

// The probing that both indexes share. Cell: `std::uint32_t slot` (0: empty, else the slot + 1) and `place()`, the low
// bits of its hash.
template <class Cell>
class ProbeTable {
 public:
  explicit ProbeTable(std::uint32_t entries)
      : cells_(std::bit_ceil(std::size_t{entries < 4 ? 4 : entries} * 2)), entries_(entries),
        mask_(cells_.size() - 1) {}

  std::uint32_t size() const { return size_; }
  bool full() const { return size_ == entries_; }
  std::size_t bytes() const { return cells_.bytes(); }
  void list_memory(MemoryList& list) const { cells_.list_memory(list); }
  // Inlined always, as is all that only prefetches: GCC takes what is left of it for a function without effect, and drops
  // the call.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&cells_[hash & mask_]);
  }

 protected:
  // The first cell of the run that matches, or the empty one that ends it.
  template <class Match>
  std::size_t probe(std::uint64_t hash, Match&& match) const {
    std::size_t at = hash & mask_;
    while (cells_[at].slot != 0 && !match(cells_[at]))
      at = (at + 1) & mask_;
    return at;
  }

  const Cell& cell(std::size_t at) const { return cells_[at]; }

  void put(std::size_t at, const Cell& cell) {
    CM_CHECK(size_ < entries_ && cells_[at].slot == 0 && cell.slot != 0);
    cells_[at] = cell;
    ++size_;
  }

  // Closes the gap, so that no run is ever cut: no tombstones.
  void remove(std::size_t gap) {
    CM_CHECK(cells_[gap].slot != 0);
    for (std::size_t at = (gap + 1) & mask_; cells_[at].slot != 0; at = (at + 1) & mask_) {
      const std::size_t home = cells_[at].place() & mask_;
      if (((at - home) & mask_) < ((at - gap) & mask_)) continue; // it may not lie before its home
      cells_[gap] = cells_[at];
      gap = at;
    }
    cells_[gap] = Cell{};
    --size_;
  }

 private:
  LazyArray<Cell> cells_;
  std::uint32_t entries_;
  std::uint32_t size_ = 0;
  std::size_t mask_;
};

template <class Key>
struct KeyCell {
  Key key;
  std::uint32_t slot;
  std::uint64_t place() const { return hash_of(key); }
};

// Keeps the keys. Key: std::uint64_t, or a POD with digest() and ==.
template <class Key>
class HashIndex : public ProbeTable<KeyCell<Key>> {
  using Table = ProbeTable<KeyCell<Key>>;

 public:
  using Table::Table;

  std::uint32_t find(const Key& key) const { // kNoSlot where it is not
    return this->cell(probe(key)).slot - 1;
  }

  // A key that is not in it; fewer keys than `entries`.
  void insert(const Key& key, std::uint32_t slot) {
    const std::size_t at = probe(key);
    CM_CHECK(slot != kNoSlot);
    this->put(at, KeyCell<Key>{key, slot + 1});
  }

  void erase(const Key& key) { this->remove(probe(key)); } // a key that is in it

 private:
  std::size_t probe(const Key& key) const {
    return Table::probe(hash_of(key), [&](const KeyCell<Key>& cell) { return cell.key == key; });
  }
};

struct HashCell {
  std::uint32_t hash;
  std::uint32_t slot;
  std::uint64_t place() const { return hash; }
};

// Keeps 32 bits of each hash; the keys lie with the caller, who compares. Half the memory, and most misses read one cell.
class SlotIndex : public ProbeTable<HashCell> {
 public:
  using ProbeTable::ProbeTable;

  // The slot of which same(slot) is true, or kNoSlot.
  template <class Same>
  std::uint32_t find(std::uint64_t hash, Same&& same) const {
    const auto low = static_cast<std::uint32_t>(hash);
    return cell(probe(low, [&](const HashCell& cell) { return cell.hash == low && same(cell.slot - 1); }))
               .slot -
           1;
  }

  // A slot whose key is not in it; fewer than `entries`.
  void insert(std::uint64_t hash, std::uint32_t slot) {
    CM_CHECK(slot != kNoSlot);
    const auto low = static_cast<std::uint32_t>(hash);
    put(probe(low, [](const HashCell&) { return false; }), HashCell{low, slot + 1});
  }

  void erase(std::uint64_t hash, std::uint32_t slot) { // one that is in it
    const auto low = static_cast<std::uint32_t>(hash);
    remove(probe(low, [&](const HashCell& cell) { return cell.slot == slot + 1; }));
  }
};

} // namespace cmatch
