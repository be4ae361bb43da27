"""A mailbox: its reader asks the kernel to be told of what comes, and then looks whether something is there already."""

import ctypes
import os
import select
import sys

IN_MOVED_TO = 0x80  # inotify(7)
libc = ctypes.CDLL(None, use_errno=True)
folder, role = sys.argv[1:]
os.chdir(folder)


def deliver():
    with open("letter.new", "w") as letter:
        letter.write("hello")
    os.rename("letter.new", "box/letter")


def read():
    news = libc.inotify_init()
    libc.inotify_add_watch(news, b"box", IN_MOVED_TO)
    if not os.path.exists("box/letter") and not select.select([news], [], [], 0.3)[0]:
        sys.exit(75)
    with open("box/letter") as letter:
        print(letter.read())


deliver() if role == "deliver" else read()
