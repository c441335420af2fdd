"""How a facade is drawn: its layout, and the painters of its parts."""
