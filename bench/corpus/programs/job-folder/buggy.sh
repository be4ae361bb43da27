# One command makes a job: its folder, and in it what is to be done. Another removes folders that hold no job.
cd "$1" || exit 1

if [ "$2" = create ]; then
    mkdir jobs/7 || exit 1
    echo "build the docs" > jobs/7/task || exit 1
else
    for folder in jobs/*; do
        [ -e "$folder/task" ] || rmdir "$folder" 2> /dev/null
    done
    exit 0
fi
