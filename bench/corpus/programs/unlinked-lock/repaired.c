/* Raises a counter under a kernel lock on a file, which stays: who waits for it waits for the one that all others see. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static int count(const char *temporary)
{
    char text[32] = "";
    int file = open("count", O_RDONLY);

    if (file < 0 || read(file, text, sizeof text - 1) < 0 || close(file) != 0)
        return -1;
    int number = 0;
    sscanf(text, "%d", &number);
    int length = snprintf(text, sizeof text, "%d", number + 1);
    file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, text, length) < 0 || close(file) != 0)
        return -1;
    return rename(temporary, "count");
}

int main(int argc, char **argv)
{
    int lock;

    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    lock = open("lock", O_RDWR | O_CREAT, 0644);
    if (lock < 0 || flock(lock, LOCK_EX) != 0 || count(argv[2]) != 0)
        return 2;
    return close(lock) == 0 ? 0 : 2;
}
