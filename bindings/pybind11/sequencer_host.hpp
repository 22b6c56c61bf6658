// What the Python object of a sequencer holds.
#pragma once

#include <memory>
#include <utility>

#include "cmatch/io/sequencer.hpp"
#include "pybind11/journal_host.hpp"
#include "pybind11/venue_host.hpp"

namespace cmatch::face {

// The venue belongs to the loop while this lives: whoever else asks gets EngineBusy, but between two stages.
struct SequencerHost {
  SequencerHost(std::shared_ptr<VenueHost> host_in, std::shared_ptr<JournalHost> journal_in,
                io::Transport& transport, io::Clock& clock, io::SharedStats& stats,
                const io::SequencerOptions& options)
      : host(std::move(host_in)), journal(std::move(journal_in)),
        sequencer(host->venue, journal->journal(), transport, clock, stats, options) {}

  // One thread's stay in the venue and the journal. Throws EngineBusy where another is inside, ValueError where the
  // journal was closed.
  class Stay {
   public:
    explicit Stay(SequencerHost& host) : venue_(*host.host), journal_(host.journal->busy) {
      host.journal->journal();
    }

   private:
    VenueStay venue_;
    JournalStay journal_;
  };

  std::shared_ptr<VenueHost> host;
  std::shared_ptr<JournalHost> journal;
  io::Sequencer sequencer;
};

} // namespace cmatch::face
