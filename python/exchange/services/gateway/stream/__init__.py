"""Streams: what happens, told over WebSockets as it happens; each upstream is shared by all who read it."""
