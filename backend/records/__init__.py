"""Records of topics as pages show them: reading, decoding. What the records are to whom is asked above."""
