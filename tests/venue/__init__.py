"""The venue's golden examples, random sessions and stateful machines: the compiled one beside the plain one."""
