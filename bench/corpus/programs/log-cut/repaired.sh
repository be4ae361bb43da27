# One appends to a log, wherever that ends, and the other cuts it.
cd "$1" || exit 1
if [ "$2" = cut ]; then
    : >log
else
    exec 3>>log
    echo one >&3
    echo two >&3
fi
