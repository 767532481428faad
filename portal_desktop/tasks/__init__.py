"""The user's to-do list: its rules, its dates and its recurrences."""
