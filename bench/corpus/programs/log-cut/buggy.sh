# One writes to a log where it stands (">" and not ">>"), the other cuts it: what comes next stands behind zeroes.
cd "$1" || exit 1
if [ "$2" = cut ]; then
    : >log
else
    exec 3>log
    echo one >&3
    echo two >&3
fi
