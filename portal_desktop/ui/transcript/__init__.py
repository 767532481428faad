"""The message list: one scroll area that paints one document per block, whatever the length of the conversation."""
