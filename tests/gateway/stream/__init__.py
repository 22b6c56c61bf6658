"""Tests of the gateway's streams."""
