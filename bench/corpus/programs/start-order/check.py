"""The client is told the gateway's port, or that there is none; that it must not crash is everybody's rule."""


def check(folder, endings):
    said = endings["client"].output.strip()
    return f"the client was told port {said!r}" if endings["client"].done and said != "4317" else None
