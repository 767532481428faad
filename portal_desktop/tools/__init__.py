"""What a model can do: tools, the one registry that runs them, and the cap on what comes back."""
