/* A record lock is gone when its process closes any descriptor of the file (fcntl(2)): the number's reader does so. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int number(void)
{
    char text[16] = "";
    int file = open("count", O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) < 0)
        exit(1);
    close(file);
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
    int length = snprintf(text, sizeof text, "%d", number() + 1);
    return pwrite(file, text, length, 0) != length;
}
