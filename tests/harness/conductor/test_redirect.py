"""Names that lead to this machine: real programs look them up and connect, and reach a server on loopback.

The servers belong to the test; every program runs under a real filter, with the machine's own name files replaced.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.conductor.calls import Family
from harness.conductor.names import Names
from harness.conductor.redirect import Door

FAMILIES = frozenset({Family.NETWORK, Family.LOOKUP})
NAME, OTHER = "api.vendor.example", "auth.vendor.example"


@asynccontextmanager
async def greeter(rig, *hosts, port="p443"):
    """Servers on both loopbacks that greet whoever connects and repeat what he says; the names lead to them."""

    async def serve(reader, writer):
        writer.write(b"hello\n")
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    servers = [await asyncio.start_server(serve, host, 0) for host in ("127.0.0.1", "::1")]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    rig.name(*(hosts or (NAME,)), **{port: Door(ipv4=ports[0], ipv6=ports[1])})
    try:
        yield servers
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


def run(conduct, code, *words, hosts=(NAME,), refused=(), **options):
    """What a Python program prints, with the greeter behind the names."""

    async def body(rig):
        async with greeter(rig, *hosts):
            running = await rig.python("one", f"{TOOLS}\n{code}", *words, families=FAMILIES, **options)
            assert (await running.ended(), running.said("stderr")) == (0, "")
            assert rig.refused == list(refused)
            return running.said()

    return conduct(body)


TOOLS = f"""
import errno, os, select, socket, struct, sys, threading, time
NAME = {NAME!r}
def there(family, host=NAME): return socket.getaddrinfo(host, 443, family, socket.SOCK_STREAM)[0][4]
def talk(s):
    s.setblocking(True); s.settimeout(20); s.sendall(b"me"); got = b""
    while not got.endswith(b"me"): got += s.recv(100)
    return got
"""
TCP = {"IPv4": "socket.AF_INET", "IPv6": "socket.AF_INET6"}


@pytest.mark.parametrize("family", TCP)
def test_a_blocking_client_reaches_the_server(conduct, family):
    code = f"s = socket.socket({TCP[family]}); s.connect(there({TCP[family]})); print(talk(s), s.getpeername()[0])"
    peer = "127.0.0.1" if family == "IPv4" else "::1"
    assert run(conduct, code) == f"b'hello\\nme' {peer}\n"


@pytest.mark.parametrize("family", TCP)
def test_a_client_that_does_not_block_is_told_so_and_keeps_its_epoll(conduct, family):
    """EINPROGRESS, then an event on the registration that was made before, then an SO_ERROR of 0."""
    code = f"""
s = socket.socket({TCP[family]}, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
poll = select.epoll(); poll.register(s, select.EPOLLOUT | select.EPOLLET)
poll.poll(0)
error = s.connect_ex(there({TCP[family]}))
events = poll.poll(20)
told = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print(errno.errorcode[error], events == [(s.fileno(), select.EPOLLOUT)], told, os.get_blocking(s.fileno()), talk(s))
"""
    assert run(conduct, code) == "EINPROGRESS True 0 False b'hello\\nme'\n"


def test_a_mapped_address_reaches_the_server(conduct):
    code = "s = socket.socket(socket.AF_INET6); s.connect(('::ffff:' + there(socket.AF_INET)[0], 443)); print(talk(s))"
    assert run(conduct, code) == "b'hello\\nme'\n"


def test_the_address_looks_public_and_is_the_same_every_time():
    names = Names([NAME, OTHER.upper()])
    assert names.hosts == (NAME, OTHER)
    assert [address.is_global for address in names.addresses(NAME)] == [True, True]
    assert [names.name_of(address) for address in names.addresses(OTHER)] == [OTHER, OTHER]
    assert Names([OTHER, NAME]).addresses(NAME) == names.addresses(NAME)
    assert names.addresses("elsewhere.example") == ()
    with pytest.raises(ValueError, match="201 names"):
        Names([f"{number}.example" for number in range(201)])


def test_options_duplicates_and_flags_of_the_socket_stay(conduct):
    code = """
s = socket.socket(); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
number, twin = s.fileno(), os.dup(s.fileno())
inode = os.fstat(number).st_ino
s.connect(there(socket.AF_INET))
assert (os.fstat(number).st_ino, os.fstat(twin).st_ino) == (inode, inode)
assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) and s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
assert os.get_blocking(number) and not os.get_inheritable(number)
print(talk(socket.socket(fileno=twin)))
"""
    assert run(conduct, code) == "b'hello\\nme'\n"


def test_many_clients_and_threads_at_once(conduct):
    code = """
import concurrent.futures as f
def one(number):
    family = (socket.AF_INET, socket.AF_INET6)[number % 2]
    s = socket.socket(family); s.connect(there(family)); return talk(s)
with f.ThreadPoolExecutor(16) as pool: print(set(pool.map(one, range(64))))
"""
    assert run(conduct, code) == "{b'hello\\nme'}\n"


def test_asyncio_streams_reach_the_server(conduct):
    code = """
import asyncio
async def one():
    reader, writer = await asyncio.open_connection(NAME, 443, happy_eyeballs_delay=0.2)
    writer.write(b"me"); line = await reader.readexactly(8); writer.close(); return line
async def main(): print(set(await asyncio.gather(*(one() for _ in range(20)))))
asyncio.run(main())
"""
    assert run(conduct, code) == "{b'hello\\nme'}\n"


ERRORS = {
    "already connected": ("s.connect(a)", "EISCONN"),
    "not a socket": ("s = os.open('/dev/null', 0)", "ENOTSOCK"),
    "no descriptor": ("s = 99", "EBADF"),
    "other family": ("s = socket.socket(); a = there(socket.AF_INET6)", "EAFNOSUPPORT"),
    "datagrams": ("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "ENETUNREACH"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_the_kernel_would_refuse_is_refused(conduct, case):
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket(); a = there(socket.AF_INET)
{ERRORS[case][0]}
if len(a) == 2: raw = struct.pack("=H", 2) + struct.pack("!H4s8x", a[1], socket.inet_aton(a[0]))
else: raw = struct.pack("=H", 10) + struct.pack("!HI16sI", a[1], 0, socket.inet_pton(10, a[0]), 0)
print(libc.connect(s if isinstance(s, int) else s.fileno(), raw, len(raw)), errno.errorcode[ctypes.get_errno()])
"""
    assert run(conduct, code) == f"-1 {ERRORS[case][1]}\n"


def test_a_port_without_a_door_is_refused_and_told_by_name(conduct):
    code = "print(errno.errorcode[socket.socket().connect_ex((there(socket.AF_INET)[0], 22))])"
    assert run(conduct, code, refused=[f"{NAME}:22"]) == "ENETUNREACH\n"


def test_a_name_that_is_not_ours_fails_soon_and_is_told(conduct):
    code = """
began = time.monotonic()
try: socket.getaddrinfo("elsewhere.example", 443)
except socket.gaierror as error: print(time.monotonic() - began < 5)
"""

    async def body(rig):
        async with greeter(rig):
            running = await rig.python("one", f"{TOOLS}\n{code}", families=FAMILIES)
            assert (await running.ended(), running.said("stderr")) == (0, "")
            return running.said(), set(rig.refused)

    assert conduct(body) == ("True\n", {"127.0.0.1:53"})


def test_a_server_that_has_closed_refuses(conduct):
    async def body(rig):
        async with greeter(rig):
            pass
        codes = []
        for number, flag in enumerate(("0", "socket.SOCK_NONBLOCK")):
            code = f"""
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | {flag}); e = s.connect_ex(there(socket.AF_INET))
if e == errno.EINPROGRESS: select.select([], [s], [], 20); e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print(errno.errorcode[e], os.get_blocking(s.fileno()))
"""
            running = await rig.python(f"client-{number}", f"{TOOLS}\n{code}", families=FAMILIES)
            assert (await running.ended(), running.said("stderr")) == (0, "")
            codes.append(running.said())
        return codes

    assert conduct(body) == ["ECONNREFUSED True\n", "ECONNREFUSED False\n"]


@asynccontextmanager
async def full_server(rig):
    """A server whose queue is full: whoever connects waits until it begins to accept."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        server.setblocking(False)
        rig.name(NAME, p443=Door(ipv4=server.getsockname()[1]))
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        accepted = []

        async def accept_all():
            loop = asyncio.get_running_loop()
            while True:
                accepted.append((await loop.sock_accept(server))[0])

        accepting = []
        try:
            yield lambda: accepting.append(asyncio.ensure_future(accept_all()))
        finally:
            for task in accepting:
                task.cancel()
            for each in (*fillers, *accepted):
                each.close()


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def until(condition):
    while not condition():  # noqa: ASYNC110 - of the kernel's tables and of programs, which set no event
        await asyncio.sleep(0.01)


CONNECT = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
a = there(socket.AF_INET); raw = struct.pack("=H", 2) + struct.pack("!H4s8x", a[1], socket.inet_aton(a[0]))
def connect(s): return "done" if libc.connect(s.fileno(), raw, 16) == 0 else errno.errorcode[ctypes.get_errno()]
s = socket.socket()
"""


def test_a_full_queue_keeps_its_caller_waiting_and_nobody_else(conduct):
    async def body(rig):
        async with full_server(rig) as accept:
            waiting = await rig.python(
                "one", f"{TOOLS}{CONNECT}print(connect(s), os.get_blocking(s.fileno()))", families=FAMILIES
            )
            await until(lambda: rig.connected)
            other = await rig.python("other", "open('f', 'w'); print('through')", families=frozenset(FAMILIES))
            assert await other.ended() == 0
            assert not waiting.process.exited.done()
            accept()
            assert (await waiting.ended(), waiting.said("stderr")) == (0, "")
            return other.said(), waiting.said()

    assert conduct(body) == ("through\n", "done True\n")


@pytest.mark.parametrize(("restarts", "said"), [(True, "done True\n"), (False, "EINTR done True\n")])
def test_a_signal_interrupts_the_call_and_it_is_asked_again(conduct, restarts, said):
    """With SA_RESTART the kernel asks again by itself; without it the caller gets EINTR and does so."""
    code = f"""
import signal
signal.signal(signal.SIGUSR1, lambda *_: None); signal.siginterrupt(signal.SIGUSR1, {not restarts})
first = connect(s)
print(first, *([connect(s)] if first == "EINTR" else []), os.get_blocking(s.fileno()))
"""

    async def body(rig):
        async with full_server(rig) as accept:
            running = await rig.python("one", TOOLS + CONNECT + code, families=FAMILIES, interruptible=True)
            await until(lambda: rig.connected)
            running.process.signal(10)
            await until(lambda: len(rig.connected) > 1)
            accept()
            assert (await running.ended(), running.said("stderr")) == (0, "")
            return running.said()

    assert conduct(body) == said


def test_a_client_that_is_killed_while_it_waits_leaves_nothing(conduct):
    async def body(rig):
        async with full_server(rig):
            before = descriptors()
            running = await rig.python("one", f"{TOOLS}{CONNECT}connect(s)", families=FAMILIES)
            await until(lambda: rig.connected)
            running.process.signal(9)
            await running.ended()
            await running.supervisor.ended.wait()
            running.process.close()
            rig.redirect.close()
            return descriptors() - before

    assert conduct(body) == 0


def test_no_descriptor_of_ours_stays_open(conduct):
    code = """
for n in range(40):
    s = socket.socket(); s.setblocking(n % 2); s.connect_ex(there(socket.AF_INET)); s.close()
    open("/etc/hosts").close()
"""

    async def body(rig):
        async with greeter(rig):
            await asyncio.sleep(0)
            before = descriptors()
            running = await rig.python("one", TOOLS + code, families=FAMILIES)
            assert (await running.ended(), running.said("stderr")) == (0, "")
            await running.supervisor.ended.wait()
            running.process.close()
            await until(lambda: descriptors() <= before)
            return len(rig.connected)

    assert conduct(body) == 40


def test_the_seal_holds_when_the_redirection_breaks(conduct, monkeypatch):
    """Our own bug must not become a hole: the connect is refused, and the run is UNKNOWN."""

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("harness.conductor.redirect.Redirect._connect", broken)

    async def body(rig):
        async with greeter(rig):
            code = "print(errno.errorcode[socket.socket().connect_ex(there(socket.AF_INET))])"
            running = await rig.python("one", f"{TOOLS}\n{code}", families=FAMILIES)
            assert await running.ended() == 0
            faults = [type(fault) for fault in rig.faults]
            rig.faults.clear()
            return running.said(), faults

    assert conduct(body) == ("ENETUNREACH\n", [ZeroDivisionError])


def test_the_seal_holds_when_the_look_up_breaks(conduct, monkeypatch):
    """The program then reads the machine's own files, and gets no further."""

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("harness.conductor.lookups._hand_over", broken)

    async def body(rig):
        async with greeter(rig):
            code = "try: there(socket.AF_INET); print('found')\nexcept socket.gaierror: print('not found')"
            running = await rig.python("one", f"{TOOLS}\n{code}", families=FAMILIES)
            assert await running.ended() == 0
            faults = {type(fault) for fault in rig.faults}
            rig.faults.clear()
            return running.said(), faults, rig.connected

    assert conduct(body) == ("not found\n", {ZeroDivisionError}, [])


OPENS = """
import ctypes, fcntl
libc = ctypes.CDLL(None, use_errno=True)
def ours(fd): return NAME.encode() in os.read(fd, 4096) and (fd, bool(fcntl.fcntl(fd, 1)))
os.chdir("/etc"); folder = os.open("/etc", os.O_RDONLY)
print([bool(fd) and fd[1] for fd in map(ours, (
    libc.syscall(2, b"/etc/hosts", 0), libc.syscall(2, b"/etc/hosts", os.O_CLOEXEC),
    libc.syscall(257, -100, b"hosts", os.O_CLOEXEC), libc.syscall(257, folder, b"./hosts", 0),
    libc.syscall(437, -100, b"/etc/../etc//hosts", struct.pack("=QQQ", os.O_CLOEXEC, 0, 0), 24),
    libc.syscall(437, folder, b"hosts", struct.pack("=QQQ", 0, 0, 0), 24)))])
a, b = open("/etc/hosts"), open("/etc/hosts"); print(a.read() == b.read() != "")
print(libc.syscall(2, b"/etc/hosts", os.O_RDONLY | os.O_DIRECTORY), errno.errorcode[ctypes.get_errno()])
print(libc.syscall(2, 8, 0), errno.errorcode[ctypes.get_errno()])
print(libc.syscall(257, 99, b"hosts", 0), errno.errorcode[ctypes.get_errno()])
try: os.write(os.open("/proc/self/fd/%d" % a.fileno(), os.O_RDWR), b"x"); print("written")
except OSError as error: print(errno.errorcode[error.errno])
print(open("/etc/resolv.conf").readline(), [l for l in open("/etc/nsswitch.conf") if l.startswith("hosts")])
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
held = []
try:
    while True: held.append(open("/etc/hosts"))
except OSError as error: print(errno.errorcode[error.errno], len(held) > 0)
"""


def test_every_way_of_opening_the_file_is_answered(conduct):
    """With the caller's own close-on-exec flag, offset and limits; nobody can change it for the others."""
    assert run(conduct, OPENS).splitlines() == [
        "[False, True, True, False, True, False]",
        "True",
        "-1 ENOTDIR",
        "-1 EFAULT",
        "-1 EBADF",
        "EPERM",
        "nameserver 127.0.0.1",
        " ['hosts: files dns\\n']",
        "EMFILE True",
    ]


def test_daemons_that_look_names_up_are_refused_without_a_word(conduct):
    """The C library asks them of its own accord; they would ask outside on a target's behalf."""
    code = """
for path in ("/run/nscd/socket", "/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"):
    print(errno.errorcode[socket.socket(socket.AF_UNIX).connect_ex(path)])
server = socket.socket(socket.AF_UNIX); server.bind("here"); server.listen()
print(socket.socket(socket.AF_UNIX).connect_ex("here"))
"""
    assert run(conduct, code) == "ECONNREFUSED\n" * 3 + "0\n"


def test_another_thread_may_use_the_socket_meanwhile(conduct):
    """One thread connects, another asks the same socket for its state: nothing hangs, and both learn the truth."""
    code = """
s = socket.socket(); codes = []
def look():
    while not codes: s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
watcher = threading.Thread(target=look); watcher.start()
codes.append(s.connect_ex(there(socket.AF_INET))); watcher.join(); print(codes, talk(s))
"""
    assert run(conduct, code) == "[0] b'hello\\nme'\n"
