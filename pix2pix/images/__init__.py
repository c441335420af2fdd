"""Files of images to arrays and back: decoding, channels, scale, and pictures for people."""
