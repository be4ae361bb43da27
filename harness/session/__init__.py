"""One pytest session: the scenarios it holds, what one process keeps open for them, and what people see of it."""
