"""Connects a target's own socket to a fake, when the target connects it to an address that stands for a name.

The socket is borrowed (pidfd_getfd(2)): a second descriptor of the same open file. We call connect(2) on it with the
fake's address on loopback, answer the stopped call with what the kernel said, and let go. So everything that belongs
to the socket stays: its number and its duplicates, its options, O_NONBLOCK, what epoll knows of it; a caller that
does not block gets its EINPROGRESS and later its own SO_ERROR. Putting a socket of ours over the descriptor (ADDFD
with SETFD) would lose all but the number, and would have to forge the rest. What shows is getpeername: the fake.

While a caller that blocks waits for a full queue at the fake, its socket does not block, so that we do not: another
thread that uses the same socket then could see it. It is set back before the caller hears of the end. How long a
caller would have waited by SO_SNDTIMEO is not kept.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.conductor import kernel, notifications
from harness.conductor.names import Address, Names
from harness.conductor.stopped import StoppedCall

NAME_SERVICE = 53  # RFC 1035, section 4.2
_GONE = (errno.ESRCH, errno.ENOENT)
_SocketAddress = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where connections to one port of every name lead: a port on 127.0.0.1, and one on ::1 where that exists."""

    ipv4: int
    ipv6: int | None = None


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """A connect under way for a caller that blocks."""

    key: tuple[int, int]  # its thread, and the socket by inode
    call: StoppedCall  # the newest asking of it: a signal may have interrupted the ones before
    socket: socket.socket
    to: _SocketAddress


class Redirect:
    """Connects to the doors, by port; `connected(actor, "name:port")` is told. One for a run."""

    def __init__(
        self,
        names: Names,
        doors: Mapping[int, Door],
        connected: Callable[[str, str], None],
        resolver: int | None = None,
    ) -> None:
        self.names = names
        self._doors = doors
        self._connected = connected
        self._resolver = resolver  # the port of a name server on 127.0.0.1
        self._askers: dict[int, str] = {}  # who asks it, by the port that he asks from
        self._attempts: dict[tuple[int, int], _Attempt] = {}
        self._owed: dict[tuple[int, int], int] = {}  # results that a signal came before

    def close(self) -> None:
        """Give up on what is under way; its callers must have ended."""
        for attempt in list(self._attempts.values()):
            self._drop(attempt)

    def take(self, call: StoppedCall, address: Address, port: int) -> bool:
        """Carry out a connect to an address of a name. False for any other address, and for a port without a door.

        Raises OSError when the socket cannot be borrowed although it is there: the seal then refuses.
        """
        name = self.names.name_of(address)
        if name is None and (port != NAME_SERVICE or self._resolver is None):
            return False
        borrowed = _borrow(call)
        if borrowed is None:
            return True
        try:
            if name is None:
                return self._lead_to_resolver(call, borrowed)
            return self._lead(call, borrowed, name, address, port)
        finally:
            if not any(attempt.socket is borrowed for attempt in self._attempts.values()):
                borrowed.close()

    def _lead(self, call: StoppedCall, borrowed: socket.socket, name: str, address: Address, port: int) -> bool:
        door = self._doors.get(port)
        if borrowed.type != socket.SOCK_STREAM:  # getaddrinfo connects one to learn what can be reached: nothing sent
            call.fail(errno.ENETUNREACH)
        elif door is None:
            return False
        elif borrowed.family == socket.AF_INET and address.version == 6:
            call.fail(errno.EAFNOSUPPORT)
        else:
            self._connected(call.actor, f"{name}:{port}")
            self._connect(call, borrowed, _door_for(borrowed, address, door))
        return True

    def _lead_to_resolver(self, call: StoppedCall, borrowed: socket.socket) -> bool:
        """Whichever name server is connected to, ours is asked. False for anything but datagrams over IP."""
        if self._resolver is None or borrowed.type != socket.SOCK_DGRAM:
            return False
        ours = Door(ipv4=self._resolver)
        error = borrowed.connect_ex(_door_for(borrowed, ipaddress.IPv4Address(0), ours))
        if not error:
            self._askers[borrowed.getsockname()[1]] = call.actor
        _answer(call, error)
        return True

    def asker(self, port: int) -> str:
        """Which actor asks the name server from this port; "" for a port that was not seen."""
        return self._askers.get(port, "")

    def _connect(self, call: StoppedCall, borrowed: socket.socket, to: _SocketAddress) -> None:
        key = call.thread, os.fstat(borrowed.fileno()).st_ino
        if key in self._attempts:
            self._attempts[key].call = call
        elif key in self._owed:
            self._give(key, call, self._owed.pop(key))
        elif os.get_blocking(borrowed.fileno()):
            os.set_blocking(borrowed.fileno(), False)
            self._attempts[key] = _Attempt(key=key, call=call, socket=borrowed, to=to)
            self._go_on(self._attempts[key])
        else:
            self._give(key, call, borrowed.connect_ex(to))

    def _go_on(self, attempt: _Attempt) -> None:
        """Connect, or ask again what became of it: a second connect on a socket tells (connect(2), EALREADY)."""
        error = attempt.socket.connect_ex(attempt.to)
        if error == errno.EINPROGRESS:  # on loopback it is done by now, unless the fake's queue is full
            error = attempt.socket.connect_ex(attempt.to)
        if error == errno.EALREADY:
            asyncio.get_running_loop().add_writer(attempt.socket, self._go_on, attempt)
            return
        os.set_blocking(attempt.socket.fileno(), True)
        self._drop(attempt)
        self._give(attempt.key, attempt.call, error)

    def _give(self, key: tuple[int, int], call: StoppedCall, error: int) -> None:
        if not _answer(call, error):
            self._owed[key] = error  # it will be asked again, or its caller is dead

    def _drop(self, attempt: _Attempt) -> None:
        del self._attempts[attempt.key]
        loop = asyncio.get_running_loop()
        loop.remove_writer(attempt.socket)
        attempt.socket.close()


def _answer(call: StoppedCall, error: int) -> bool:
    return call.fail(error) if error else call.answer(0)


def _borrow(call: StoppedCall) -> socket.socket | None:
    """The caller's socket as one of ours. None when the call is answered or over. Raises OSError."""
    try:
        number = kernel.borrow_from_thread(call.thread, call.args[0] & 0xFFFFFFFF)
    except OSError as error:
        if error.errno != errno.EBADF and error.errno not in _GONE:
            raise
        call.fail(error.errno)
        return None
    try:
        borrowed = socket.socket(fileno=number)
    except OSError as error:  # not a socket
        os.close(number)
        call.fail(error.errno or errno.ENOTSOCK)
        return None
    if not notifications.still_waits(call.supervisor.listener, call.id):  # it may be another thread's of this number
        borrowed.close()
        return None
    return borrowed


def _door_for(borrowed: socket.socket, address: Address, door: Door) -> _SocketAddress:
    if borrowed.family == socket.AF_INET:
        return "127.0.0.1", door.ipv4
    if address.version == 6 and door.ipv6 is not None:
        return "::1", door.ipv6, 0, 0
    return str(ipaddress.IPv6Address("::ffff:127.0.0.1")), door.ipv4, 0, 0
