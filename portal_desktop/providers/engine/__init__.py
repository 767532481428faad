"""llama.cpp on this computer: a child process of the app's own executable, spoken to over loopback."""
