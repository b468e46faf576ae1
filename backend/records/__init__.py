"""Records of topics as pages show them: reading, decoding. Higher floors know whose records they are."""
