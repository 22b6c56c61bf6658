"""The core process, killed."""
