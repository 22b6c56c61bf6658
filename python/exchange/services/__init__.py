"""The services: a folder each, of one shape. None imports another; `exchange.topology` puts them together."""
