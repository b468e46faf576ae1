"""What the platform on one machine writes down of itself, and whoever talks to it reads."""
