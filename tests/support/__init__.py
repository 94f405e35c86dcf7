"""Builders and helpers that the tests share."""
