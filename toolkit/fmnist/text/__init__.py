"""What is printed: tables, colours, progress and pictures made of characters."""
