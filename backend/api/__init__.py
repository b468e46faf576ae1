"""What all rooms of the API share: errors, permissions, audit, pagination, job tokens."""
