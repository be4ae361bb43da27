"""The sealed network: what leaves loopback is refused and told, what stays passes.

Destinations are the documentation addresses of RFC 5737 and RFC 3849, and only ever inside the seal.
"""

from __future__ import annotations

import errno
import socket
import threading

import pytest

from harness.conductor.calls import Family

NETWORK = frozenset({Family.NETWORK})
TOOLS = """
import ctypes, errno, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act, *args):
    try:
        return act(*args) and 0 or 0
    except OSError as error:
        return error.errno
def v4(family, port, host): return struct.pack("=H", family) + struct.pack("!H4s8x", port, socket.inet_aton(host))
class iovec(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
class msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.c_void_p),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]
class mmsghdr(ctypes.Structure): _fields_ = [("header", msghdr), ("length", ctypes.c_uint)]
keep = []
def header(address):
    data = ctypes.create_string_buffer(b"hello", 5); vector = iovec(ctypes.addressof(data), 5)
    keep.extend((data, vector))
    pointer, size = address, 16
    if not isinstance(address, int):
        raw = ctypes.create_string_buffer(address, len(address)); keep.append(raw)
        pointer, size = ctypes.addressof(raw), len(address)
    return msghdr(pointer, size, ctypes.addressof(vector), 1)
def sendmmsg(sock, *addresses):
    messages = (mmsghdr * len(addresses))(*[mmsghdr(header(address), 0) for address in addresses])
    sent = libc.syscall(307, sock.fileno(), messages, len(addresses), 0)
    return -ctypes.get_errno() if sent < 0 else sent
udp, udp6 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
tcp, tcp6 = socket.socket(), socket.socket(socket.AF_INET6)
"""
ATTEMPTS = {
    "tcp": ("attempt(tcp.connect, ('192.0.2.1', 443))", ["192.0.2.1:443"]),
    "tcp6": ("attempt(tcp6.connect, ('2001:db8::1', 443))", ["[2001:db8::1]:443"]),
    "mapped": ("attempt(tcp6.connect, ('::ffff:192.0.2.1', 443))", ["192.0.2.1:443"]),
    "udp connect": ("attempt(udp.connect, ('192.0.2.1', 53))", ["192.0.2.1:53"]),
    "udp sendto": ("attempt(udp.sendto, b'x', ('192.0.2.1', 9))", ["192.0.2.1:9"]),
    "udp6 sendto": ("attempt(udp6.sendto, b'x', ('2001:db8::1', 9))", ["[2001:db8::1]:9"]),
    "udp6 mapped": ("attempt(udp6.sendto, b'x', ('::ffff:192.0.2.1', 9))", ["192.0.2.1:9"]),
    "sendmsg": ("attempt(udp.sendmsg, [b'x'], [], 0, ('192.0.2.1', 9))", ["192.0.2.1:9"]),
    "sendmmsg": ("-sendmmsg(udp, v4(2, 9, '192.0.2.1'))", ["192.0.2.1:9"]),
    "second of sendmmsg": ("-sendmmsg(udp, v4(2, 9, '127.0.0.1'), v4(2, 9, '192.0.2.1'))", ["192.0.2.1:9"]),
    "before a bad one": ("-sendmmsg(udp, v4(2, 9, '192.0.2.1'), 1)", ["192.0.2.1:9"]),
    "no family": ("-sendmmsg(udp, v4(0, 9, '192.0.2.1'))", ["192.0.2.1:9"]),
    "fast open": ("attempt(tcp.sendto, b'x', socket.MSG_FASTOPEN, ('192.0.2.1', 80))", ["192.0.2.1:80"]),
    "broadcast": ("attempt(udp.sendto, b'x', ('255.255.255.255', 9))", ["255.255.255.255:9"]),
    "not blocking": ("tcp.setblocking(False) or attempt(tcp.connect, ('192.0.2.1', 443))", ["192.0.2.1:443"]),
    "a resolver on loopback": ("attempt(udp.connect, ('127.0.0.53', 53))", ["127.0.0.53:53"]),
    "frames": ("attempt(socket.socket, 17, socket.SOCK_RAW)", ["address family 17"]),
    "virtual machine": (
        "attempt(lambda: libc.syscall(42, tcp.fileno(), struct.pack('=HHII4x', 40, 0, 80, 2), 16) "
        "and (_ for _ in ()).throw(OSError(ctypes.get_errno(), '')))",
        ["address family 40"],
    ),
}


@pytest.mark.parametrize("way", ATTEMPTS)
def test_what_leaves_this_machine_is_refused_and_told(conduct, way):
    code, addresses = ATTEMPTS[way]

    async def body(rig):
        running = await rig.python("one", f"{TOOLS}\nprint({code})", families=NETWORK)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return running.said(), rig.refused

    assert conduct(body) == (f"{errno.ENETUNREACH}\n", addresses)


LOCAL = """
import threading
def pair(family, kind, address):
    server = socket.socket(family, kind); server.bind(address)
    if kind == socket.SOCK_STREAM: server.listen()
    return server
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.9.9.9"), (socket.AF_INET6, "::1")):
    server = pair(family, socket.SOCK_STREAM, (host, 0))
    client = socket.create_connection(server.getsockname()[:2]); other, _ = server.accept()
    client.sendall(b"x"); assert other.recv(1) == b"x"
    server = pair(family, socket.SOCK_DGRAM, (host, 0)); client = socket.socket(family, socket.SOCK_DGRAM)
    client.sendto(b"a", server.getsockname()); client.sendmsg([b"b"], [], 0, server.getsockname())
    client.connect(server.getsockname()); client.send(b"c"); client.sendmsg([b"d"])
    assert [server.recv(1) for _ in range(4)] == [b"a", b"b", b"c", b"d"]
server = pair(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)); port = server.getsockname()[1]
socket.create_connection(("0.0.0.0", port)); tcp6.connect(("::ffff:127.0.0.1", port))
server = pair(socket.AF_UNIX, socket.SOCK_STREAM, "socket"); socket.socket(socket.AF_UNIX).connect("socket")
server = pair(socket.AF_UNIX, socket.SOCK_STREAM, "\\0pileup"); socket.socket(socket.AF_UNIX).connect("\\0pileup")
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); link.connect((0, 0))
request = struct.pack("=IHHIIBxxxIII", 32, 18, 0x301, 1, 0, 0, 0, 0, 0)
link.sendto(request, (0, 0)); assert len(link.recv(4096)) > 16
assert attempt(udp.connect, ("127.0.0.1", 9)) == 0
assert libc.syscall(42, udp.fileno(), struct.pack("=H14x", 0), 16) == 0
assert libc.syscall(42, tcp.fileno(), 1, 16) == -1 and ctypes.get_errno() == errno.EFAULT
assert libc.syscall(42, tcp.fileno(), v4(2, 9, "127.0.0.1"), 1) == -1 and ctypes.get_errno() == errno.EINVAL
assert libc.syscall(42, 99, v4(2, 9, "127.0.0.1"), 16) == -1 and ctypes.get_errno() == errno.EBADF
assert libc.syscall(46, udp.fileno(), 1, 0) == -1 and ctypes.get_errno() == errno.EFAULT
print("fine")
"""


def test_what_stays_on_this_machine_passes(conduct):
    async def body(rig):
        running = await rig.python("one", TOOLS + LOCAL, families=NETWORK)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return running.said(), rig.refused

    assert conduct(body) == ("fine\n", [])


def test_connected_loopback_traffic_never_stops(conduct, monkeypatch):
    """Full speed: only the connect costs a stop, whatever is sent afterwards."""
    from harness.conductor import notifications

    stops = []
    original = notifications.receive

    def receive(listener):
        stopped = original(listener)
        stops.extend([stopped.number] if stopped else [])
        return stopped

    monkeypatch.setattr(notifications, "receive", receive)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: drain(server))
        thread.start()

        async def body(rig):
            code = "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
            code += "for _ in range(500): s.sendall(b'x' * 1000)\ns.shutdown(socket.SHUT_WR); print(len(s.recv(9)))"
            running = await rig.python("one", code, str(server.getsockname()[1]), families=NETWORK)
            assert (await running.ended(), running.said("stderr")) == (0, "")

        conduct(body)
        thread.join()
    assert stops == [42]  # connect


def drain(server):
    connection, _ = server.accept()
    with connection:
        total = 0
        while data := connection.recv(65536):
            total += len(data)
        connection.sendall(b"x" * (9 if total == 500_000 else 1))


def test_a_name_cannot_be_resolved_and_says_so(conduct):
    async def body(rig):
        code = (
            "import socket\ntry: socket.getaddrinfo('pileup.example', 443)\nexcept socket.gaierror as e: print(e.errno)"
        )
        running = await rig.python("one", code, families=NETWORK)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return int(running.said())

    assert conduct(body) in (socket.EAI_AGAIN, socket.EAI_NONAME)


def test_the_seal_holds_when_it_breaks(conduct, monkeypatch):
    """Our own bug must not become a hole: the call is refused, and the run is UNKNOWN."""
    from harness.conductor import seal

    def broken(_call):
        raise ZeroDivisionError

    monkeypatch.setattr(seal, "_first_outside", broken)

    async def body(rig):
        running = await rig.python("one", f"{TOOLS}\nprint(attempt(tcp.connect, ('192.0.2.1', 9)))", families=NETWORK)
        assert await running.ended() == 0
        faults = [type(fault) for fault in rig.faults]
        rig.faults.clear()
        return running.said(), faults

    assert conduct(body) == (f"{errno.ENETUNREACH}\n", [ZeroDivisionError])


def test_a_command_line_client_is_sealed(conduct):
    code = (
        "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-S', '-E', '-c', sys.argv[1]]).returncode)"
    )
    inner = (
        "import urllib.request as u\ntry: u.urlopen('http://192.0.2.1/')\nexcept u.URLError as e: print(e.reason.errno)"
    )

    async def body(rig):
        running = await rig.python("one", code, inner, families=NETWORK)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return running.said(), rig.refused

    assert conduct(body) == (f"{errno.ENETUNREACH}\n", ["192.0.2.1:80"])
