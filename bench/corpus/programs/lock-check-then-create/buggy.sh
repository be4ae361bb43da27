# Counts one build under a lock file.
cd "$1" || exit 1

if [ -e lock ]; then
    exit 75
fi
echo $$ > lock
read -r builds < builds
echo $((builds + 1)) > "builds.$$"
mv "builds.$$" builds
rm -f lock
