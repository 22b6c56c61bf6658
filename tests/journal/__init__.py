"""The journal from Python: its face, real files, full disks, and writers that are killed."""
