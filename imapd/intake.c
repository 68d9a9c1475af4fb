/*
 * Messages on their way in.  See intake.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/filter.h"
#include "imapd/intake.h"
#include "imapd/ready.h"

static int	 feed(void *, struct span);
static void	 all_in(struct body_in *, int, void *);

/* A helper thread may call it: nothing but the intake itself is touched. */
static int
feed(void *arg, struct span s)
{
	struct intake	*t = arg;
	struct span	 own = s;
	size_t		 n;

	if (t->skip > 0) {
		n = own.n < t->skip ? own.n : (size_t)t->skip;
		own.p += n;
		own.n -= n;
		t->skip -= n;
	}
	t->crc = crc32c(t->crc, own.p, own.n);
	return (ready_feed(t->ready, s) == -1 ? errno : 0);
}

static void
all_in(struct body_in *in, int error, void *arg)
{
	struct intake	*t = arg;

	(void)in;
	if (error == 0 && ready_end(t->ready) == -1)
		error = errno;
	t->done(t, error);
}

int
intake_start(struct intake *t, struct part *p, int fd, struct span prefix,
    uint64_t size, uint64_t max)
{
	struct body_source	 src = { 0 };
	int			 rc;

	t->part = p;
	t->in = NULL;
	t->ready = NULL;
	t->crc = 0;
	t->skip = fd == -1 ? 0 : prefix.n;
	if (!dbenv_writable(p->env)) {
		errno = ENOSPC;
		return (-1);
	}
	if ((t->ready = ready_begin()) == NULL)
		return (-1);
	src.fd = fd;
	src.size = size;
	src.max = max;
	src.prefix = prefix;
	src.feed = feed;
	src.done = all_in;
	src.arg = t;
	if ((rc = body_in_start(p->bodies, &src, &t->in)) == 1 &&
	    ready_end(t->ready) == -1)
		return (-1);
	return (rc);
}

int
intake_put(struct intake *t, uint32_t refs, struct msgrec *r)
{
	if (body_in_put(t->in, refs, &r->body) == -1 ||
	    ready_put(t->part, r->body, t->ready) == -1)
		return (-1);
	r->size = (uint32_t)body_in_size(t->in);
	filter_soon(t->part);
	do {
		arc4random_buf(&r->email, sizeof(r->email));
	} while (r->email == 0);
	return (0);
}

uint64_t
intake_size(const struct intake *t)
{
	return (body_in_size(t->in));
}

void
intake_free(struct intake *t)
{
	body_in_free(t->in);
	ready_free(t->ready);
	t->in = NULL;
	t->ready = NULL;
}
