"""What hosts the services: processes, their supervision, the journal's follower, and the machine below."""
