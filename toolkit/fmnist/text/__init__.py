"""Text for people: tables, colours, progress, and images made of characters."""
