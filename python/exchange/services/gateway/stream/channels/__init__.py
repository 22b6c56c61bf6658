"""The channels of streams: what each is made of, and how its changes are put together."""
