"""The schemas of everything on the wire (`v1`), and the codec that turns their bytes into messages."""
