"""Topics: what is in Kafka, who uses it, and its records as people read them. Stores nothing."""
