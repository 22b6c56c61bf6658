"""Tests of the trading screen."""
