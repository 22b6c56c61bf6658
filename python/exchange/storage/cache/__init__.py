"""What is asked again and again and slow to come by, kept for a while: in memory, or in Redis for several.

A cache holds no truth: whoever looks something up can do without, and asks the source for what is missing.

found = cache.look_up("instruments", ["7", "8"])
cache.put("instruments", load(missing), found.generation)   # unless it was forgotten meanwhile
cache.forget("instruments")                                 # somebody changed one
"""

from exchange.storage.cache.interface import Cache, CacheCounts, Counter, Found
from exchange.storage.cache.memory import MemoryCache

__all__ = ["Cache", "CacheCounts", "Counter", "Found", "MemoryCache"]
