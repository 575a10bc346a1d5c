"""What is known of devices: boards, what is installed on them, and which packages run there."""
