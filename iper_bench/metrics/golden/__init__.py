"""Golden frames: eight small pairs of pictures, and what every metric gave on them where they were made."""
