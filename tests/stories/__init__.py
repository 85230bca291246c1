"""Whole journeys: the real shop, a pretend upstream, and people who write and tap."""
