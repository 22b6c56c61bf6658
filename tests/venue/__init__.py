"""The venue: golden examples, sessions and stateful machines, the compiled one beside the plain one."""
