"""A package, so that processes a test starts can import what the test sends them."""
