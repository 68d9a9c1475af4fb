/*
 * The queue's time, and the names of what is in it.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "log.h"
#include "queued/queued.h"

#define JUMP	60	/* seconds that are worth a line */

static uint64_t	 began_real, began_mono;
static int64_t	 told;

static uint64_t
seconds(clockid_t which)
{
	struct timespec	 t;

	clock_gettime(which, &t);
	return ((uint64_t)t.tv_sec);
}

void
q_clock_start(void)
{
	began_real = seconds(CLOCK_REALTIME);
	began_mono = seconds(CLOCK_BOOTTIME);
}

uint64_t
q_now(void)
{
	if (began_real == 0)
		q_clock_start();
	return (began_real + (seconds(CLOCK_BOOTTIME) - began_mono));
}

uint64_t
q_clock(uint64_t t)
{
	int64_t	 off = (int64_t)(seconds(CLOCK_REALTIME) - q_now());

	if (off - told > JUMP || told - off > JUMP) {
		log_warn("the clock was set: it is %lld seconds off from when "
		    "the queue started", (long long)off);
		told = off;
	}
	if (t == 0 || (off < 0 && (uint64_t)-off > t))
		return (t);
	return (t + (uint64_t)off);
}

const char *
q_id(char room[Q_ID], uint64_t msg, uint32_t n)
{
	if (n == 0)
		snprintf(room, Q_ID, "%08llx", (unsigned long long)msg);
	else
		snprintf(room, Q_ID, "%08llx.%u", (unsigned long long)msg, n);
	return (room);
}

int
q_id_parse(struct span s, uint64_t *msg, uint32_t *n)
{
	struct span	 head;
	uint64_t	 v = 0;
	size_t		 i;
	int		 c;

	*msg = 0;
	*n = 0;
	if (span_split(&s, '.', &head) == 1) {
		if (span_num(s, UINT32_MAX, &v) == -1 || v == 0)
			return (-1);
		*n = (uint32_t)v;
	}
	if (head.n == 0 || head.n > 16)
		return (-1);
	for (i = 0; i < head.n; i++) {
		c = head.p[i];
		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			c = (c | 0x20) - 'a' + 10;
		else
			return (-1);
		*msg = *msg << 4 | (uint64_t)c;
	}
	return (0);
}
