"""A gateway writes its port into a file; a client reads it and connects."""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

if role == "gateway":
    with open("port.new", "w") as file:
        file.write("4317")
    os.rename("port.new", "port")
else:
    with open("port") as file:
        print(file.read())
