/* One server: the kernel tells by a lock whether another one lives. Who has the lock may replace any socket. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "sock"};
    struct sockaddr *address = (struct sockaddr *)&name;
    struct stat own, now;
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc < 3 || chdir(argv[1]))
        return 1;
    if (flock(open("lock", O_CREAT | O_WRONLY, 0600), LOCK_EX | LOCK_NB))
        return 75;
    unlink("sock");
    if (bind(server, address, sizeof name))
        return 75;
    if (stat("sock", &own) || listen(server, 4))
        return 75;
    close(open(argv[2], O_CREAT | O_WRONLY, 0600)); /* it serves */
    if (stat("sock", &now) || now.st_ino != own.st_ino) {
        fprintf(stderr, "Error: the socket was taken while its server lives\n");
        return 1;
    }
    unlink("sock");
    return 0;
}
