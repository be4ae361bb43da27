/* The number is read by the descriptor by which the lock was taken, and that is closed last. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int number(int file)
{
    char text[16] = "";
    if (pread(file, text, sizeof text - 1, 0) < 0)
        exit(1);
    return atoi(text);
}

int main(int argc, char **argv)
{
    struct flock all = {.l_type = F_WRLCK};
    char text[16];
    if (argc < 2 || chdir(argv[1]))
        return 1;
    int file = open("count", O_RDWR);
    if (file < 0 || fcntl(file, F_SETLKW, &all))
        return 1;
    int length = snprintf(text, sizeof text, "%d", number(file) + 1);
    return pwrite(file, text, length, 0) != length;
}
