"""One command sets a value in the settings, another shows them and puts defaults where they are damaged."""

import json
import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)
DEFAULTS = {"theme": "light"}

if role == "set":
    with open("settings.json") as file:
        settings = json.load(file)
    settings["theme"] = "dark"
    with open("settings.json", "w") as file:
        json.dump(settings, file)
else:
    with open("settings.json") as file:
        text = file.read()
    try:
        settings = json.loads(text)
    except ValueError:
        settings = DEFAULTS
        with open("settings.new", "w") as file:
            json.dump(settings, file)
        os.rename("settings.new", "settings.json")
    print(settings["theme"])
