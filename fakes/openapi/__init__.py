"""The fakes described by themselves in OpenAPI: `document` assembles, `schemas` says what the bodies hold."""
