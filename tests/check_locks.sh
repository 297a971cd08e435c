#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Every lock of the library is in the table of lib/core/locks.h, since fork has to hold it. What else threads wait for
# stands in the list below, each line with the reason why a child finds it in order.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# Made anew in the child (fr_threads_begin_child): the pool. Run again in the child if fork came in between, which these
# functions allow: what pthread_once calls. Left alone by the child, fr_prefetch_is_running: those of a loader's thread.
cat >"$work/expected" <<END
lib/core/locks.c pthread_rwlock_t fr_locks
lib/core/thread.c pthread_once_t once
lib/core/threads.c pthread_cond_t opened
lib/core/threads.c pthread_mutex_t lock
lib/core/threads.c pthread_mutex_t owner
lib/core/threads.c pthread_once_t once
lib/data/prefetch.c pthread_cond_t changed
lib/data/prefetch.c pthread_mutex_t lock
END
kinds='pthread_(mutex|rwlock|cond|spinlock|barrier|once)_t|sem_t|mtx_t|cnd_t|once_flag|atomic_flag'
find lib tools \( -name '*.c' -o -name '*.h' \) -exec grep -HE "\\b($kinds) +[a-z_]+" {} + |
    grep -v ':extern ' | sed -E "s/^([^:]*):.*\\b($kinds) +([a-z_]+).*/\\1 \\2 \\4/" |
    grep -v '^lib/core/locks.c pthread_rwlock_t unlocked$' | LC_ALL=C sort >"$work/found"
if ! diff "$work/expected" "$work/found" >"$work/diff"; then
    echo "locks outside of the table (>), or listed here and gone (<):" >&2
    cat "$work/diff" >&2
    status=1
fi

for name in $(sed -n 's/^ *\(FR_LOCK_[A-Z_]*\),.*/\1/p' lib/core/locks.h); do
    grep -rqw --include='*.c' "$name" lib || { echo "$name: nothing takes this lock" >&2; status=1; }
done
exit $status
