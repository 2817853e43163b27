/*
 * measure [--apart] LOG PROGRAM [ARGUMENT...]: runs the program to its end with its output in the file LOG, and prints what it took as JSON.
 * It is in C because the kernel counts the memory of the process that starts a program as that program's own: this one has next to none.
 * Children that the program waits for are included: their CPU time is added, of their memory the largest counts (wait4(2)).
 * With --apart it looks twenty times a second how much memory each of them has, which costs it a hundredth of a core.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char program[4096]; /* what the measured process executes; a child that still does is the same memory (vfork(2)) */
static long own, largest_child, together; /* peaks, in kilobytes */

static double milliseconds(struct timeval time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; }

static int executable(pid_t process, char *name, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/exe", process);
    ssize_t length = readlink(link, name, size - 1);
    name[length > 0 ? length : 0] = 0;
    return length > 0;
}

static int memory(pid_t process, long *peak, long *now)
{
    char name[64], line[256];
    int found = 0;
    snprintf(name, sizeof name, "/proc/%d/status", process);
    FILE *status = fopen(name, "r");
    if (status == NULL)
        return 0;
    while (fgets(line, sizeof line, status) != NULL)
        found += sscanf(line, "VmHWM: %ld", peak) == 1 || sscanf(line, "VmRSS: %ld", now) == 1;
    fclose(status);
    return found == 2;
}

/* Adds up what a process and its children have now; they are listed by the thread that started them. */
static long look(pid_t process, int is_child)
{
    long peak = 0, now = 0;
    char name[4096];
    int counts = executable(process, name, sizeof name) && (!is_child || strcmp(name, program) != 0) && memory(process, &peak, &now);
    if (!counts)
        now = 0;
    else if (!is_child)
        own = peak > own ? peak : own;
    else
        largest_child = peak > largest_child ? peak : largest_child;

    snprintf(name, sizeof name, "/proc/%d/task", process);
    DIR *tasks = opendir(name);
    struct dirent *task;
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        char list[512];
        int child;
        snprintf(list, sizeof list, "/proc/%d/task/%s/children", process, task->d_name);
        FILE *children = task->d_name[0] == '.' ? NULL : fopen(list, "r");
        while (children != NULL && fscanf(children, "%d", &child) == 1)
            now += look(child, 1);
        if (children != NULL)
            fclose(children);
    }
    if (tasks != NULL)
        closedir(tasks);
    return now;
}

int main(int count, char **arguments)
{
    int apart = count > 1 && strcmp(arguments[1], "--apart") == 0;
    count -= apart;
    arguments += apart;
    if (count < 3)
        return fprintf(stderr, "usage: measure [--apart] LOG PROGRAM [ARGUMENT...]\n"), 2;

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);

    /* The end of the program then cuts the pause between two looks short; the program itself blocks no signal. */
    sigset_t ended, before;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, &before);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

    struct timespec start, end, pause = { 0, 50000000 };
    struct rusage used;
    pid_t child;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (posix_spawnp(&child, arguments[2], &files, &attributes, arguments + 2, environ) != 0)
        return perror(arguments[2]), 127;
    executable(child, program, sizeof program);
    for (siginfo_t over = { 0 }; apart && waitid(P_PID, child, &over, WEXITED | WNOHANG | WNOWAIT) == 0 && over.si_pid == 0;) {
        long now = look(child, 0);
        together = now > together ? now : together;
        sigtimedwait(&ended, NULL, &pause);
    }
    if (wait4(child, &status, 0, &used) < 0)
        return perror("wait4"), 1;
    clock_gettime(CLOCK_MONOTONIC, &end);

    printf("{\"wallMs\":%.3f,\"cpuMs\":%.3f,\"peakKb\":%ld,\"exitCode\":%d,\"ownPeakKb\":%ld,\"childPeakKb\":%ld,\"togetherPeakKb\":%ld}\n",
        (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6,
        milliseconds(used.ru_utime) + milliseconds(used.ru_stime), used.ru_maxrss,
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), own, largest_child, together);
    return 0;
}
