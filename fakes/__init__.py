"""Loopback fakes of model providers and of an OAuth token endpoint.

Real servers on real sockets, because native programs cannot be patched and some SDKs bypass in-process stubs.
Nothing here imports the rest of the project: what happens is handed to a `record` callback. Start at
`fakes.server.Fakes`, `fakes.script.Script` and `fakes.oauth.OAuthSettings`, or run `python -m fakes --help`.
"""
