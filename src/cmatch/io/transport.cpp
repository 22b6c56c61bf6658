#include "cmatch/io/transport.hpp"

namespace cmatch::io {

SendResult Transport::counted(SendResult result, std::size_t bytes) {
  switch (result) {
  case SendResult::sent:
    ++counts_.frames_out;
    counts_.bytes_out += bytes;
    break;
  case SendResult::would_block:
    ++counts_.sends_blocked;
    break;
  case SendResult::gone:
    ++counts_.sends_gone;
    break;
  }
  return result;
}

void Transport::count_drained(const Inbound& frames) {
  for (const InboundFrame& frame : frames.frames()) {
    switch (frame.kind) {
    case FrameKind::whole:
      ++counts_.frames_in;
      counts_.bytes_in += frame.length;
      break;
    case FrameKind::oversize:
      ++counts_.frames_oversize;
      break;
    case FrameKind::malformed:
      ++counts_.frames_malformed;
      break;
    }
  }
}

} // namespace cmatch::io
