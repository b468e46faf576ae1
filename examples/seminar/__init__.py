"""Programs of the seminar (docs/seminar): each runs by itself, ``--help`` says what it takes."""
