"""How processes of the exchange reach each other: sockets, keys, and calls. Only this package imports zmq."""
