"""Where raw pairs come from when they are not a folder of the user: drawn, or downloaded."""
