"""The weights of red, green and blue in the brightness of a colour (ITU-R BT.601)."""

LUMA = (0.299, 0.587, 0.114)
