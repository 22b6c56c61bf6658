"""The wire: schemas, hot frames by both codecs, messages, and what old releases sent."""
