"""The desktop face: windows, pages and what they share."""
