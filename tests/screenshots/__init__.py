"""Pictures of the real windows over a real core: each window, theme and state, with sample data and a standing clock."""
