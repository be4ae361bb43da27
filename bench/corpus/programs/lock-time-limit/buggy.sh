# Raises a number under a lock, for which it waits a second: what flock(1) says when that is over is not asked.
cd "$1" || exit 1
exec 9>lock
flock -w 1 9
read -r number <count
echo $((number + 1)) >count
