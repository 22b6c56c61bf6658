"""Tests of the services around the core."""
