"""Programs of the seminar (docs/seminar): each runs on its own, ``--help`` says what it takes."""
