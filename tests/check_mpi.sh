#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Runs programs by mpirun as users do. Any number of ranks trains as one process does, and goes on with a run of
# another number; a rank that is killed, stopped or has other settings ends all ranks, in bounded time, and what was
# saved holds.
# FROND_KILLS says how many ranks are killed, FROND_SEED where the random moments begin.
set -u
data=${FROND_TESTS:?}/../examples/data
train=$data/ItalyPowerDemand_TRAIN.ts
kills=${FROND_KILLS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

case $(tools/frond/frond train "$train" --distributed --epochs 1 --quiet --output "$work/probe" 2>&1) in
*"without MPI"*) echo "skipped: frond was built without MPI (--with-mpi)"; exit 77 ;;
esac

# Open MPI neither runs as root nor starts more ranks than there are cores, unless it is told to; MPICH does both.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
export FROND_DISTRIBUTED_TIMEOUT=60 OMP_NUM_THREADS=1

wrong() {
    echo "$*"
    failed=1
}

ranks() { # N PROGRAM ARGUMENT...: runs it with N ranks; what it prints goes to $work/out
    n=$1
    shift
    timeout -k 5 120 "${MPIRUN:-mpirun}" -n "$n" "$@" >"$work/out" 2>&1 </dev/null
}

trains() { # N DIR OPTION...
    n=$1 dir=$2
    shift 2
    ranks "$n" tools/frond/frond train "$train" --output "$work/$dir" --distributed "$@" ||
        wrong "$n ranks: $*: exit status $?: $(cat "$work/out")"
}

# alike DIR DIR TOLERANCE: the same epochs, and losses that differ by less than TOLERANCE
alike() {
    cut -d, -f1-3 "$work/$1/metrics.csv" | grep loss >"$work/one"
    cut -d, -f1-3 "$work/$2/metrics.csv" | grep loss >"$work/other"
    paste -d, "$work/one" "$work/other" | awk -F, -v tolerance="$3" '
        { d = $3 - $6; if ($1 != $4 || $2 != $5 || d > tolerance || -d > tolerance) { print "    " $0; bad = 1 } }
        END { exit bad || NR == 0 }' || wrong "$1 and $2: other losses"
}

# --- The same result --------------------------------------------------------------------------------------------------

settings="--hidden 8 --seed 3 --batch-size 16"
# shellcheck disable=SC2086 # settings are words
{
    tools/frond/frond train "$train" --output "$work/plain" $settings --epochs 6 --quiet >"$work/out" 2>&1 ||
        wrong "alone: $(cat "$work/out")"
    for n in 1 2 3 4; do
        trains $n ranks$n $settings --epochs 6
        alike plain ranks$n 1e-6
        [ "$(grep -c '^Epoch' "$work/out")" -eq 6 ] || wrong "$n ranks wrote $(cat "$work/out")"
    done
    trains 3 again $settings --epochs 6
    cmp -s "$work/ranks3/best.safetensors" "$work/again/best.safetensors" || wrong "3 ranks: other bits in a second run"
    trains 3 resumed $settings --epochs 2
    trains 2 resumed --resume --epochs 6
    alike plain resumed 1e-6
    trains 2 tcn --model tcn --dropout 0.2 --epochs 2 # ranks draw different dropout, and go on in step
}
ranks 2 examples/24_distributed && [ "$(cat "$work/out")" = "$(cat "$data/../expected/24_distributed.txt")" ] ||
    wrong "24_distributed with 2 ranks: $(cat "$work/out")"
ranks 2 examples/simple_rnn --distributed --epochs 2 --data "$train" --save "$work/w.safetensors" &&
    [ "$(grep -c '^Epoch' "$work/out")" -eq 2 ] || wrong "simple_rnn: $(cat "$work/out")"

# --- What goes wrong --------------------------------------------------------------------------------------------------

# fails PIECE ...: the last ranks must have ended with an error that has all pieces
fails() {
    status=$1
    shift
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ] || wrong "$1: exit status $status: $(cat "$work/out")"
    for piece in "$@"; do
        grep -qF -- "$piece" "$work/out" || wrong "'$piece' is not in: $(cat "$work/out")"
    done
}

ranks 2 tools/frond/frond train "$work/none.ts" --distributed
fails $? "none.ts"
# Rank 1 has another model.
cat >"$work/other" <<'END'
#!/bin/sh
case ${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}} in 1) set -- "$@" --hidden 9 ;; esac
exec "$@"
END
chmod +x "$work/other"
ranks 3 "$work/other" tools/frond/frond train "$train" --distributed --output "$work/other.run"
fails $? "names, shapes or dtypes"
FROND_DISTRIBUTED_TIMEOUT=soon ranks 2 examples/24_distributed
fails $? "FROND_DISTRIBUTED_TIMEOUT=soon: expected seconds"

# members FOLDER: the processes that train there, without mpirun
members() {
    for process in $(pgrep -f "frond train .*$1"); do
        case $(cat "/proc/$process/comm" 2>/dev/null) in *frond) echo "$process" ;; esac
    done
}

if ! command -v pgrep >/dev/null || [ ! -r /proc/self/comm ]; then
    echo "not checked: ranks that are killed or stopped: there is no pgrep, or no /proc"
    exit $failed
fi

# disturbed SIGNAL SECONDS TIMEOUT OPTION...: begins a run of 3 ranks, sends one of them SIGNAL after that time, and
# waits for the end of all.
disturbed() {
    signal=$1 wait=$2 timeout=$3
    shift 3
    FROND_DISTRIBUTED_TIMEOUT=$timeout timeout -k 5 60 "${MPIRUN:-mpirun}" -n 3 tools/frond/frond train "$train" \
        --distributed --output "$work/killed" "$@" >"$work/out" 2>&1 </dev/null &
    launcher=$!
    sleep "$wait"
    victim=$(members "$work/killed" | awk -v seed="$seed" 'BEGIN { srand(seed) } { line[NR] = $0 }
        END { if (NR) print line[int(rand() * NR) + 1] }')
    [ -z "$victim" ] || kill -"$signal" "$victim" 2>/dev/null
    wait $launcher
    status=$?
    [ "$signal" = KILL ] || [ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null
    [ $status -ne 124 ] || wrong "killed: the others did not end"
    [ $status -ne 0 ] || [ -z "$victim" ] || wrong "killed: exit status 0"
    return 0
}

seed=${FROND_SEED:-1} resume="$settings"
for _ in $(seq "$kills"); do
    seed=$((seed + 1))
    # shellcheck disable=SC2086
    disturbed KILL "$(awk -v seed=$seed 'BEGIN { srand(seed); print 0.2 + rand() }')" 60 $resume --epochs 99999
    if [ -e "$work/killed/model.json" ]; then
        resume=--resume
        [ ! -e "$work/killed/best.safetensors" ] ||
            tools/frond/frond info "$work/killed/best.safetensors" >"$work/info" 2>&1 ||
            wrong "killed: $(cat "$work/info")"
    else
        rm -rf "$work/killed"
    fi
done
sleep 0.5
[ -z "$(members "$work/killed")" ] || wrong "killed: ranks are left over: $(members "$work/killed")"

# A rank that is stopped says nothing: the others wait as long as they were told, and end.
rm -rf "$work/killed"
# shellcheck disable=SC2086
disturbed STOP 1 1 $settings --epochs 99999
grep -q 'waited 1 s: another rank' "$work/out" || wrong "stopped: $(tail -n 20 "$work/out")"

exit $failed
