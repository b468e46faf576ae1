"""Webhooks: other systems are told of what happens here, by signed requests over HTTP."""
