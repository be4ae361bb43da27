/* Appends a record to a log, its key and then its value, both at the end of the file. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char value[64];
    int log;

    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    log = open("log", O_WRONLY | O_APPEND);
    if (log < 0)
        return 2;
    snprintf(value, sizeof value, "value-of-%s\n", argv[2]);
    if (write(log, argv[2], strlen(argv[2])) < 0 || write(log, "=", 1) < 0 || write(log, value, strlen(value)) < 0)
        return 2;
    return close(log) == 0 ? 0 : 2;
}
