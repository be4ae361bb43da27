"""The server that is nobody's provider."""

from __future__ import annotations

import asyncio

import httpx

from fakes.events import fingerprint
from harness.lab.elsewhere import PATHS, TOKENS, elsewhere


def test_whoever_comes_is_answered_and_what_it_shows_is_known() -> None:
    async def ask() -> tuple[int, dict[str, frozenset[str]]]:
        async with elsewhere() as other, httpx.AsyncClient() as client:
            body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
            url = f"{other.url}{PATHS['anthropic']}"
            answer = await client.post(url, json=body, headers={"x-api-key": "k", "anthropic-version": "2023-06-01"})
            return answer.status_code, other.fakes.shown_keys

    assert asyncio.run(ask()) == (200, {"anthropic": frozenset({"k"})})


def test_a_refresh_token_that_comes_is_known_by_its_fingerprint() -> None:
    async def redeem() -> set[str]:
        async with elsewhere() as other, httpx.AsyncClient() as client:
            await client.post(f"{other.url}{TOKENS}", data={"grant_type": "refresh_token", "refresh_token": "astray"})
            return other.redeemed

    assert asyncio.run(redeem()) == {fingerprint("astray")}
