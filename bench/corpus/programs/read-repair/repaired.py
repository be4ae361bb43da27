"""One command sets a value in the settings, another shows them. Who reads never writes; who writes replaces."""

import json
import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

if role == "set":
    with open("settings.json") as file:
        settings = json.load(file)
    settings["theme"] = "dark"
    with open("settings.new", "w") as file:
        json.dump(settings, file)
    os.rename("settings.new", "settings.json")
else:
    with open("settings.json") as file:
        text = file.read()
    try:
        settings = json.loads(text)
    except ValueError:
        print("settings.json is damaged; nothing was changed", file=sys.stderr)
        sys.exit(75)
    print(settings["theme"])
