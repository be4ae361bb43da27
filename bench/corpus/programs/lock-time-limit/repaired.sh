# Raises a number under a lock, for which it waits a second, and gives up when that is over.
cd "$1" || exit 1
exec 9>lock
flock -w 1 9 || exit 75
read -r number <count
echo $((number + 1)) >count
