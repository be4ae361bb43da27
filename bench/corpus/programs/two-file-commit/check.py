"""The server loads both files of one version."""


def check(folder, endings):
    one, _, other = endings["serve"].output.strip().partition(" with ")
    return f"the server loaded routes of {one} with a schema of {other}" if one != other else None
