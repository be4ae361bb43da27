# Delivers a message under the first number at which it can be linked.
cd "$1" || exit 1

echo "$2" > "mail.$$"
number=1
while ! ln "mail.$$" "mail/$number" 2> /dev/null; do
    [ -e "mail/$number" ] || exit 1
    number=$((number + 1))
done
rm "mail.$$"
