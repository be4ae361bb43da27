"""No task has two workers."""


def check(folder, endings):
    tasks = {label: ending.output.strip() for label, ending in endings.items() if ending.output}
    shared = [label for label, task in tasks.items() if list(tasks.values()).count(task) > 1]
    return f"{' and '.join(shared)} work on {tasks[shared[0]]}" if shared else None
