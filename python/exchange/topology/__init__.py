"""What runs where. Composition happens here and nowhere else.

table       the processes: what each hosts and does, when it runs, whether it is well
mains       what each of them runs; imported by who runs it, so that a process loads its own parts alone
services    the services and their specs
serving     RPC servers with the protection that an endpoint has
replica     the replica, put together
hosted      a service with a store, put together
running     one process
all_in_one  all of them in one process
supervising all of them under a supervisor
handover    settings from a supervisor to its processes, and where to connect
"""
