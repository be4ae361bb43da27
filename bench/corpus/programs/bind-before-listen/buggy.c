/* One server: a socket that refuses is a dead one's, and is replaced. One that has its name and does not listen yet
   refuses too. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "sock"};
    struct sockaddr *address = (struct sockaddr *)&name;
    struct stat own, now;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc < 3 || chdir(argv[1]))
        return 1;
    if (bind(server, address, sizeof name)) {
        if (connect(client, address, sizeof name) == 0)
            return 75;
        unlink("sock");
        if (bind(server, address, sizeof name))
            return 75;
    }
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
