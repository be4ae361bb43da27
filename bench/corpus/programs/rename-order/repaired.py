"""A publisher replaces a page and then the index that names it; a reader follows the index to the page."""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

if role == "publish":
    with open("page-2.tmp", "w") as file:
        file.write("second page")
    with open("index.tmp", "w") as file:
        file.write("page-2")
    os.rename("page-2.tmp", "page-2")
    os.rename("index.tmp", "index")
else:
    with open("index") as file:
        name = file.read()
    with open(name) as file:
        print(file.read())
