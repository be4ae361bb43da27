# The trap that removes the lock is set by who has it.
cd "$1" || exit 1
mkdir lock 2>/dev/null || exit 75
trap 'rmdir lock' EXIT
echo "+$2" >>log
echo "-$2" >>log
