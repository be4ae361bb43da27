# One command makes a job beside the others and moves it in when it is whole. Another removes folders that hold no job.
cd "$1" || exit 1

if [ "$2" = create ]; then
    mkdir "new.$$" || exit 1
    echo "build the docs" > "new.$$/task" || exit 1
    mv "new.$$" jobs/7 || exit 1
else
    for folder in jobs/*; do
        [ -e "$folder/task" ] || rmdir "$folder" 2> /dev/null
    done
    exit 0
fi
