"""Model traffic: the protocols we speak, the servers we find, the engine we bring."""
