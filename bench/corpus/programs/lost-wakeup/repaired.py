"""A waiter signs up to be woken and then looks for the flag; the waker raises it and then wakes who signed up.

Nobody here really waits: who signed up and is not woken would wait for ever, and that can be told at the end.
"""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

if role == "wake":
    with open("flag", "w") as file:
        file.write("up")
    for name in os.listdir("waiting"):
        os.rename(f"waiting/{name}", f"woken/{name}")
else:
    with open(f"waiting/{role}", "w") as file:
        file.write(str(os.getpid()))
    print("went on" if os.path.exists("flag") else "waits")
