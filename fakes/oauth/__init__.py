"""A fake OAuth authorization server: sign-in by browser or device, rotating refresh tokens, and questions about them.

`rules`, `policies`, `codes` and `devices` are the pure state machines, `state` and `signins` what is remembered,
`dialects` the wire bodies, `server` the paths, and one file answers each family of endpoints. It checks no password.
"""

from fakes.oauth.settings import (
    CLAUDE_CLIENT_ID,
    CODEX_CLIENT_ID,
    Fault,
    OAuthSettings,
    OAuthSettingsError,
    SeededCredential,
)

__all__ = [
    "CLAUDE_CLIENT_ID",
    "CODEX_CLIENT_ID",
    "Fault",
    "OAuthSettings",
    "OAuthSettingsError",
    "SeededCredential",
]
