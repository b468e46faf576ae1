"""The API that workers and the control logger use; authenticated by job tokens and the service token."""
