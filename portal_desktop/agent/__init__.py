"""One turn of a conversation, stateless: the loop over model and tools, its brakes, questions and phases."""
