"""Power cuts, damage and other real faults beneath real files and processes."""
