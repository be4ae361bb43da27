/* Appends a record to a log in one write, which the kernel puts at the end of the file as a whole. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char record[128];
    int log;

    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    log = open("log", O_WRONLY | O_APPEND);
    if (log < 0)
        return 2;
    snprintf(record, sizeof record, "%s=value-of-%s\n", argv[2], argv[2]);
    if (write(log, record, strlen(record)) < 0)
        return 2;
    return close(log) == 0 ? 0 : 2;
}
