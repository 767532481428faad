"""The command line: one module per noun, no Qt. `output` is the only module of the package that prints."""
