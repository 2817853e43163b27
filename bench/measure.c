/*
 * measure LOG PROGRAM [ARGUMENT...]: runs the program to its end with its output in the file LOG, and prints what it took as JSON.
 * It is in C because the kernel counts the memory of the process that starts a program as that program's own: this one has next to none.
 * Children that the program waits for are included: their CPU time is added, of their memory the largest counts (wait4(2)).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double milliseconds(struct timeval time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; }

int main(int count, char **arguments)
{
    if (count < 3)
        return fprintf(stderr, "usage: measure LOG PROGRAM [ARGUMENT...]\n"), 2;

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);

    struct timespec start, end;
    struct rusage used;
    pid_t child;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (posix_spawnp(&child, arguments[2], &files, NULL, arguments + 2, environ) != 0)
        return perror(arguments[2]), 127;
    if (wait4(child, &status, 0, &used) < 0)
        return perror("wait4"), 1;
    clock_gettime(CLOCK_MONOTONIC, &end);

    printf("{\"wallMs\":%.3f,\"cpuMs\":%.3f,\"peakKb\":%ld,\"exitCode\":%d}\n",
        (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6,
        milliseconds(used.ru_utime) + milliseconds(used.ru_stime), used.ru_maxrss,
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
