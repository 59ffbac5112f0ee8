/* A clock that runs a hundred times slower, for a program that Valgrind makes that much slower. Otherwise, time limits
 * end requests that are on time, and their repetitions count.
 *
 * Loaded with LD_PRELOAD. */

#define _GNU_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLOWER 100
#define SECOND INT64_C(1000000000)

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, clock, now);
  if (!failed && clock == CLOCK_MONOTONIC) {
    int64_t nanoseconds = (now->tv_sec * SECOND + now->tv_nsec) / SLOWER;
    now->tv_sec = nanoseconds / SECOND;
    now->tv_nsec = nanoseconds % SECOND;
  }
  return failed;
}
