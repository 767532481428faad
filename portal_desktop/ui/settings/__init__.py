"""The settings window: its fields come from the declarations, its servers from the registry."""
