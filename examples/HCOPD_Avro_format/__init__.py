"""HCOPD: who has the lung disease COPD, in Avro records."""
