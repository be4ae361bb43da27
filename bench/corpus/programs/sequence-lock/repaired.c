/* A pair that belongs together, behind a sequence number that is odd while the pair changes: a reader tries again. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SEQUENCE, LEFT, RIGHT };

static char get(int file, int place)
{
    char value = 0;
    return pread(file, &value, 1, place) == 1 ? value : 0;
}

static void put(int file, int place, char value)
{
    if (pwrite(file, &value, 1, place) != 1)
        _exit(2);
}

int main(int argc, char **argv)
{
    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    int file = open("pair", O_RDWR);
    if (file < 0)
        return 2;
    char before = get(file, SEQUENCE);
    if (strcmp(argv[2], "write") == 0) {
        put(file, SEQUENCE, before + 1);
        put(file, LEFT, 'b');
        put(file, RIGHT, 'b');
        put(file, SEQUENCE, before + 2);
        return 0;
    }
    for (int attempt = 0; attempt < 8; attempt++) {
        before = get(file, SEQUENCE);
        char left = get(file, LEFT), right = get(file, RIGHT);
        if (before % 2 == 0 && get(file, SEQUENCE) == before)
            return printf("%c%c\n", left, right) < 0;
    }
    return 75;
}
