"""Results as files: JSON that is written, read again and summed up."""
