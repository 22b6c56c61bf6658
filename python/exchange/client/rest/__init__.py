"""The gateway's messages over HTTP: what programs send and get as JSON."""
