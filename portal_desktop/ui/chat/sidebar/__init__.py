"""The list of conversations beside the chat."""
