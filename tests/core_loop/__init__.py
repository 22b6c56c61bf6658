"""The stages of the core loop over a disk, a clock and a transport in memory."""
