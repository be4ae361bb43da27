# Delivers a message under the next free number.
cd "$1" || exit 1

number=1
while [ -e "mail/$number" ]; do
    number=$((number + 1))
done
echo "$2" > "mail.$$"
mv "mail.$$" "mail/$number"
