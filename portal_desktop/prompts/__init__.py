"""What is told to a model before the conversation: texts of the library, composed into system messages."""
