"""Bytes: HTTP/1.1 connections, server-sent events, TLS, and the faults below HTTP. No provider is known here."""
