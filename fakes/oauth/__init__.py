"""A fake OAuth authorization server for refresh-token families.

`rules` and `policies` are the pure state machine, `dialects` the wire bodies, `state` what callers hold,
`server` the HTTP glue. It issues no token by any other grant than a refresh, and checks no password.
"""

from fakes.oauth.settings import CODEX_CLIENT_ID, Fault, OAuthSettings, OAuthSettingsError, SeededCredential

__all__ = ["CODEX_CLIENT_ID", "Fault", "OAuthSettings", "OAuthSettingsError", "SeededCredential"]
