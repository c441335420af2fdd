"""Searching for better parameters: what may vary, what trials gave, and whether it is a gain."""
