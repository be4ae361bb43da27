# The trap that removes the lock is set before the lock is had: who does not get it removes another one's.
cd "$1" || exit 1
trap 'rmdir lock 2>/dev/null' EXIT
mkdir lock 2>/dev/null || exit 75
echo "+$2" >>log
echo "-$2" >>log
