"""Unmodified programs ask `https://auth.openai.com/oauth/token`, and the OAuth fake answers.

One program for each way of looking names up: the C library from Python, curl and Node, and a program that is linked
statically and shares no library with anything. Each is collected only where it can be had.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fakes.oauth import OAuthSettings
from fakes.script import Script
from fakes.server import Fakes
from fakes.wire.tls import SERVED_HOSTS
from harness.conductor.calls import Family
from harness.conductor.redirect import Door

FAMILIES = frozenset({Family.NETWORK, Family.LOOKUP})
FORM = "grant_type=refresh_token&client_id={client}&refresh_token={token}"
PYTHON = """
import ssl, sys, urllib.request
context = ssl.create_default_context()
reply = urllib.request.urlopen("https://auth.openai.com/oauth/token", sys.argv[1].encode(), context=context)
print(reply.read().decode())
"""
NODE = """
fetch("https://auth.openai.com/oauth/token", {method: "POST", body: new URLSearchParams(process.argv[1])})
  .then(reply => reply.text()).then(console.log);
"""
RESOLVE = """
const dns = require("dns"), began = Date.now();
dns.resolve4("elsewhere.example", error => console.log(error.code, Date.now() - began < 8000));
"""
STATIC = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* Looks a name up in /etc/hosts by itself, as programs do that carry their own resolver; asks it for what is given. */
int main(int count, char **words) {
    char line[256], address[64], name[128], reply[256];
    FILE *hosts = fopen("/etc/hosts", "re");
    while (hosts && fgets(line, sizeof line, hosts))
        if (sscanf(line, "%63s %127s", address, name) == 2 && !strcmp(name, words[1]) && !strchr(address, ':')) {
            struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
            inet_pton(AF_INET, address, &to.sin_addr);
            int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (connect(s, (struct sockaddr *)&to, sizeof to) != 0) return printf("%s\n", strerror(errno)), 1;
            dprintf(s, "GET /v1/models HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name);
            ssize_t size = read(s, reply, sizeof reply - 1);
            if (size > 0) { reply[size] = 0; printf("%.12s\n", reply); }
            return 0;
        }
    return puts("no such name"), 1;
}
"""


@asynccontextmanager
async def vendors(rig):
    """The fakes behind the vendors' names: TLS at 443, plain at 80."""
    records = []
    settings = OAuthSettings()
    fakes = Fakes(Script(()), oauth=settings, record=records.append, tls=True, both_loopbacks=True)
    async with fakes:
        credential = fakes.oauth.seed("family", account="account", expired=True)
        (rig.folder / "ca.pem").write_bytes(fakes.ca_pem)
        doors = {
            "p443": Door(ipv4=fakes.tls_port, ipv6=fakes.tls_port6),
            "p80": Door(ipv4=fakes.port, ipv6=fakes.port6),
        }
        rig.name(*SERVED_HOSTS, **doors)
        yield FORM.format(client=settings.client_id, token=credential.refresh_token), records


def refresh(conduct, *argv):
    """Run the program with the form as its last argument; what it printed, and what the fake recorded."""

    async def body(rig):
        async with vendors(rig) as (form, records):
            ca = str(rig.folder / "ca.pem")
            env = {"SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca, "CURL_CA_BUNDLE": ca}
            running = await rig.start("one", *argv, form, families=FAMILIES, env=env)
            assert (await running.ended(), running.said("stderr")) == (0, "")
            assert rig.refused == []
            return running.said(), [type(record).__name__ for record in records], set(rig.connected)

    return conduct(body)


def programs():
    """Every program that is here, and its command line."""
    yield "python", [sys.executable, "-S", "-E", "-c", PYTHON]
    if curl := shutil.which("curl"):
        yield "curl", [curl, "--silent", "--show-error", "https://auth.openai.com/oauth/token", "--data"]
    if node := shutil.which("node"):
        yield "node", [node, "--eval", NODE, "--"]


@pytest.mark.parametrize("argv", [pytest.param(argv, id=name) for name, argv in programs()])
def test_an_unmodified_program_refreshes_its_token(conduct, argv):
    said, records, connected = refresh(conduct, *argv)
    assert '"access_token"' in said
    assert records == ["RequestReceived", "TokenRequested", "TokenAnswered", "ReplySent"]
    assert connected == {"auth.openai.com:443"}


if NODE_PATH := shutil.which("node"):

    def test_a_resolver_of_its_own_fails_fast(conduct):
        """`dns.resolve` asks name servers whatever the hosts file says."""

        async def body(rig):
            async with vendors(rig):
                running = await rig.start("one", NODE_PATH, "--eval", RESOLVE, families=FAMILIES)
                assert (await running.ended(), running.said("stderr")) == (0, "")
                return running.said(), set(rig.refused)

        assert conduct(body) == ("ECONNREFUSED true\n", {"127.0.0.1:53"})


def static_program(folder):
    """The compiled program, or None where static programs cannot be built."""
    if (compiler := shutil.which("cc")) is None:
        return None
    (folder / "ask.c").write_text(STATIC)
    done = subprocess.run([compiler, "-static", "-O1", "-o", folder / "ask", folder / "ask.c"], capture_output=True)
    return folder / "ask" if done.returncode == 0 else None


def can_link_statically():
    with tempfile.TemporaryDirectory() as folder:
        return static_program(Path(folder)) is not None


if can_link_statically():

    @pytest.mark.parametrize(
        ("name", "port", "said"), [("api.openai.com", 80, "HTTP/1.1 200\n"), ("no.example", 80, "no such name\n")]
    )
    def test_a_static_program_finds_the_names(conduct, tmp_path, name, port, said):
        program = static_program(tmp_path)

        async def body(rig):
            async with vendors(rig):
                running = await rig.start("one", str(program), name, "80", families=FAMILIES)
                await running.ended()
                return running.said()

        assert conduct(body) == said
