/* Preloaded into a process, shifts its wall clock and lets it drift; monotonic clocks stay as they are.
 *
 *   WALL_SHIFT_S  seconds added           WALL_DRIFT  further seconds for each second since the first call
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static double shift_s, drift;
static struct timespec began;

__attribute__((constructor)) static void begin(void)
{
	const char *text;

	real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if ((text = getenv("WALL_SHIFT_S")))
		shift_s = atof(text);
	if ((text = getenv("WALL_DRIFT")))
		drift = atof(text);
	real_gettime(CLOCK_MONOTONIC, &began);
}

int clock_gettime(clockid_t id, struct timespec *at)
{
	struct timespec now;
	double off_s;
	int failed;

	if (!real_gettime)
		begin();
	failed = real_gettime(id, at);
	if (failed || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return failed;
	real_gettime(CLOCK_MONOTONIC, &now);
	off_s = shift_s + drift * (double)(now.tv_sec - began.tv_sec);
	at->tv_sec += (time_t)off_s;
	return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now))
		return -1;
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *at)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now))
		return (time_t)-1;
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}
