/*
 * The times of attempts, behaviour of letterlock.conf(5) "schedule".
 */
#include <stdlib.h>

#include "queued/sched.h"

#define FLOOR	4	/* attempts before anything is given up */

uint64_t
schedule_step(const struct conf_schedule *s, uint32_t n)
{
	uint32_t	 every = s->every == 0 ? 4 * 3600 : s->every;

	if (n == 0)
		return (0);
	if (n < s->nfirst && n < nitems(s->first) &&
	    s->first[n] > s->first[n - 1])
		return (s->first[n] - s->first[n - 1]);
	return (every);
}

uint64_t
schedule_gap(const struct conf_schedule *s, uint32_t attempts)
{
	uint64_t	 gap = schedule_step(s, attempts);
	uint64_t	 jitter = gap / 10;

	if (jitter > 0)
		gap += arc4random_uniform((uint32_t)(2 * jitter + 1)) - jitter;
	return (gap == 0 ? 1 : gap);
}

int
schedule_expired(const struct conf_schedule *s, uint64_t age,
    uint32_t attempts)
{
	uint64_t	 at = 0;
	uint32_t	 n;

	if (age < s->expire)
		return (0);
	/* fewer than FLOOR only when the schedule has fewer */
	for (n = 0; n < FLOOR; n++) {
		at += schedule_step(s, n);
		if (at >= s->expire)
			break;
	}
	return (attempts >= n);
}

int
schedule_report(const struct conf_schedule *s, uint64_t arrival,
    uint64_t reported, uint64_t now)
{
	if (s->delay_report == 0 || now < arrival + s->delay_report)
		return (0);
	return (reported == 0 ||
	    (s->delay_again != 0 && now >= reported + s->delay_again));
}

uint64_t
schedule_clamp(const struct conf_schedule *s, uint64_t next, uint64_t now)
{
	uint64_t	 most = s->every == 0 ? 4 * 3600 : s->every;
	uint32_t	 i;

	for (i = 1; i < s->nfirst && i < nitems(s->first); i++)
		if (schedule_step(s, i) > most)
			most = schedule_step(s, i);
	most += most / 10 + 1;
	return (next > now + most ? now + most : next);
}
