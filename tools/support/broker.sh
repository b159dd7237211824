# Starts and stops a broker for the scripts beside it. Sourced; wants $martlet. The broker never outlives the script.

broker=          # HOST:PORT
broker_line=     # what it said when it was ready
broker_process=
broker_log=

# start_broker DIRECTORY [ARGUMENT…]: on any free port, unless the arguments say where to listen.
start_broker() {
    local directory=$1
    shift
    broker_log=$(mktemp)
    "$martlet" serve --data "$directory" --listen 127.0.0.1:0 "$@" >"$broker_log" 2>&1 &
    broker_process=$!
    for _ in $(seq 1000); do
        if broker_line=$(grep -m 1 ' listens on ' "$broker_log"); then
            broker=$(sed -E 's/.* listens on ([^,]*),.*/\1/' <<<"$broker_line")
            return
        fi
        kill -0 "$broker_process" 2>/dev/null || break
        sleep 0.02
    done
    echo "error: the broker did not start:" >&2
    cat "$broker_log" >&2
    exit 1
}

# Stops it cleanly and fails where it does not exit 0 within five seconds.
stop_broker() {
    local status=0
    kill -TERM "$broker_process"
    for _ in $(seq 250); do
        kill -0 "$broker_process" 2>/dev/null || break
        sleep 0.02
    done
    if kill -0 "$broker_process" 2>/dev/null; then
        echo "error: the broker did not stop within five seconds" >&2
        exit 1
    fi
    wait "$broker_process" || status=$?
    broker_process=
    [ "$status" -eq 0 ] || { echo "error: the broker stopped with status $status" >&2; cat "$broker_log" >&2; exit 1; }
}

# From here on the shell does not say that its job was killed, nor can it tell how it ended.
expect_kill() { disown "$broker_process" 2>/dev/null || true; }

# As a crash would: nothing is flushed or answered.
kill_broker() {
    expect_kill
    kill -KILL "$broker_process" 2>/dev/null || true
    while kill -0 "$broker_process" 2>/dev/null; do sleep 0.01; done
    broker_process=
}

end_broker() {
    if [ -n "$broker_process" ]; then kill -KILL "$broker_process" 2>/dev/null || true; fi
}
trap end_broker EXIT
