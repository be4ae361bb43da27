"""A mailbox: its reader looks into it, and if there is nothing, asks the kernel to be told of what comes."""

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
    if not os.path.exists("box/letter"):
        libc.inotify_add_watch(news, b"box", IN_MOVED_TO)
        if not select.select([news], [], [], 0.3)[0]:
            sys.exit("the letter is there, and nobody has told me" if os.path.exists("box/letter") else 75)
    with open("box/letter") as letter:
        print(letter.read())


deliver() if role == "deliver" else read()
