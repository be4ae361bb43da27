# Counts one build under a lock file that only one can create.
cd "$1" || exit 1

set -C
if ! echo $$ 2> /dev/null > lock; then
    exit 75
fi
read -r builds < builds
echo $((builds + 1)) > "builds.$$"
mv "builds.$$" builds
rm -f lock
