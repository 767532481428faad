"""The page of the user's to-do items."""
