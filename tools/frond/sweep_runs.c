/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The processes of a sweep. Each is a fork that trains as `frond train` does. They belong to the sweep: Ctrl-C reaches
 * it alone, and it hands that on; where it is killed, they save and end. */
#include "sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- A run -------------------------------------------------------------------------------------------------------- */

/* In the child. Its signals are those of any program again. */
static void leave_sweep(pid_t parent)
{
    sigset_t all;

    signal(SIGINT, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGINT);
#endif
    if (getppid() != parent)
        _exit(FAILED);
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}

/* In the child: trains, or goes on if there is something to go on with. */
static _Noreturn void train_one(const sweep *s, int64_t i, int log)
{
    train_arguments a = sweep_arguments(s, i, NULL);
    char *model = path_in(s->runs[i].dir, "model.json");
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC), status;

    if (dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        die("cannot redirect output: %s", strerror(errno));
    a.dir = s->runs[i].dir;
    a.resume = s->resumed && access(model, F_OK) == 0;
    if (a.resume)
        memset(a.given, 0, sizeof a.given); /* the run has them */
    if (!a.threads)
        a.threads = (int)(fr_num_threads() > s->jobs ? fr_num_threads() / s->jobs : 1);
    status = train(&a);
    free(model);
    exit(status);
}

static void start(sweep *s, int64_t i)
{
    sweep_run *r = &s->runs[i];
    char *path = path_in(r->dir, "output.txt");
    pid_t parent = getpid();
    int log;

    make_dir(r->dir);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log < 0)
        die("%s: cannot be opened: %s", path, strerror(errno));
    free(path);
    fflush(NULL);
    r->started = now();
    r->pid = fork();
    if (r->pid < 0)
        die("cannot start a run: %s", strerror(errno));
    if (r->pid == 0) {
        leave_sweep(parent);
        train_one(s, i, log);
    }
    close(log);
}

/* --- Its end ------------------------------------------------------------------------------------------------------ */

/* Reads the end of a file, at most size - 1 bytes, and returns its last line in there, without "frond: ". */
static const char *last_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    const char *line;
    size_t n = 0;

    if (file) {
        if (fseeko(file, 1 - (off_t)size, SEEK_END) != 0)
            rewind(file);
        n = fread(text, 1, size - 1, file);
        fclose(file);
    }
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n] = '\0';
    line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
    return strncmp(line, "frond: ", 7) == 0 ? line + 7 : line;
}

/* Why a run failed: what it said last. */
static char *reason(const sweep_run *r, int status)
{
    char *path = path_in(r->dir, "output.txt"), end[1024], *text;
    int length = WIFSIGNALED(status)
                     ? asprintf(&text, "killed by signal %d; its output is in %s", WTERMSIG(status), path)
                     : asprintf(&text, "%s", last_line(path, end, sizeof end));

    if (length < 0)
        die("out of memory");
    free(path);
    return text;
}

static void finish(sweep *s, sweep_run *r, int status)
{
    r->pid = 0;
    free(r->error); /* of an earlier try */
    r->error = NULL;
    r->figures[SECONDS] += now() - r->started;
    r->done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (r->done)
        sweep_read_figures(s, r);
    else if (!s->stopping)
        r->error = reason(r, status);
    sweep_record(s, r);
}

/* --- All runs ----------------------------------------------------------------------------------------------------- */

static void hand_on(const sweep *s, int number)
{
    for (int64_t i = 0; i < s->count; i++)
        if (s->runs[i].pid)
            kill(s->runs[i].pid, number);
}

/* Shows that a run has ended. */
static void show(fr_progress *bar, const sweep *s)
{
    double best = HUGE_VAL;

    for (int64_t i = 0; i < s->count; i++)
        if (s->runs[i].done)
            best = fmin(best, s->runs[i].figures[LOSS]);
    if (isfinite(best))
        fr_progress_value(bar, "lowest loss", best);
    fr_progress_step(bar, 1);
}

/* Handles all runs that have ended; returns how many. */
static int64_t reap(sweep *s, fr_progress *bar)
{
    int64_t ended = 0;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int64_t i = 0; i < s->count; i++)
            if (s->runs[i].pid == pid) {
                finish(s, &s->runs[i], status);
                if (!s->stopping)
                    show(bar, s);
                ended++;
            }
    return ended;
}

/* Signals are waited for, not caught: none can come between a look and a wait. */
static void run_until_done(sweep *s, const sigset_t *signals, fr_progress *bar)
{
    int64_t next = 0, running = 0;
    int number;

    for (;;) {
        for (; !s->stopping && running < s->jobs && next < s->count; next++)
            if (!s->runs[next].done) {
                start(s, next);
                running++;
            }
        if (running == 0)
            return;
        sigwait(signals, &number);
        if (number == SIGINT) {
            s->stopping = true;
            hand_on(s, number);
        }
        running -= reap(s, bar);
    }
}

static void nothing(int number)
{
    (void)number;
}

void sweep_run_all(sweep *s)
{
    struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART }, before[2];
    sigset_t signals, mask;
    int64_t left = 0;
    fr_progress *bar;

    for (int64_t i = 0; i < s->count; i++)
        left += !s->runs[i].done;
    if (!s->jobs)
        s->jobs = fr_num_threads();
    if (s->jobs > left)
        s->jobs = left;
    if (!s->common.quiet)
        printf("%lld runs, %lld of them done; %lld at a time, in %s\n", (long long)s->count,
               (long long)(s->count - left), (long long)s->jobs, s->common.dir);
    bar = fr_progress_new("sweep", left, &(fr_progress_options){ .quiet = s->common.quiet || left == 0 });
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    sigaction(SIGINT, &action, &before[0]); /* what is ignored may not be waited for */
    sigaction(SIGCHLD, &action, &before[1]);
    sigprocmask(SIG_BLOCK, &signals, &mask);
    run_until_done(s, &signals, bar);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGCHLD, &before[1], NULL);
    fr_progress_end(bar);
}
