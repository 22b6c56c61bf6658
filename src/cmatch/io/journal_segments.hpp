// The files of a journal's directory, and what another process than its writer may do with them. What is free to be
// called beside the writer says so.
//
//   00000000000000000001.journal   segments, each named by its first sequence
//   next                           a segment on its way to its name; the writer's alone
//   spare, spare.new, spare.lock   the segment made ahead, the one being made, and who makes it
//   lock                           who writes
#pragma once

#include <string>
#include <vector>

#include "cmatch/io/disk.hpp"

namespace cmatch::io {

inline constexpr char kNextFile[] = "/next";
inline constexpr char kSpareFile[] = "/spare";
inline constexpr char kNewSpareFile[] = "/spare.new";
inline constexpr char kSpareLockFile[] = "/spare.lock";
inline constexpr char kLockFile[] = "/lock";

// First sequences, ascending. Free to be called beside the writer, as are all below.
std::vector<std::uint64_t> list_segments(Disk& disk, const std::string& directory);
std::string segment_path(const std::string& directory, std::uint64_t first_sequence);

// A whole file of durable zeros under `path`, in place of what was there. Throws DiskError.
std::unique_ptr<DiskFile> make_zeros(Disk& disk, const std::string& path, std::uint64_t bytes);

// Makes the next segment ahead, where there is none of this size yet, so that the writer need not wait for one. False
// where another process is making it. Throws DiskError: a full disk is noticed here first.
bool prepare_spare(Disk& disk, const std::string& directory, std::uint64_t segment_bytes);

// Removes the segments, the last one aside, that hold only sequences before this one; the oldest first, so that what
// is left has no gap whenever it stops. How many. Throws DiskError.
std::size_t remove_segments_before(Disk& disk, const std::string& directory, std::uint64_t sequence);

// Makes what was written to the last two segments survive a power cut: no others are ever not yet durable. A writer
// that syncs nothing itself is told of it by Journal::note_durable. Throws DiskError.
void sync_segments(Disk& disk, const std::string& directory);

} // namespace cmatch::io
