"""The image room: bytes to an upright picture, and what is refused on the way."""
