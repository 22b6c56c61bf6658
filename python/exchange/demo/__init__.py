"""`exchange demo`: a whole exchange with a market on it, and the audit of what happened there.

sample.py      what Coinbase's books did in 31 seconds of 2021: the order flow that is played
translate.py   how that was made from the raw capture
flow.py        the sample, lap after lap, as orders of a thousand accounts
market.py      assets, instruments, accounts and money; the traders
view.py        what a terminal shows meanwhile
audit.py       the proof at the end
"""
