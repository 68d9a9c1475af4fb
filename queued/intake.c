/*
 * A message on its way into the queue: its body is read, then message,
 * recipients and body are written in one transaction; when that is flushed the
 * recipients are scheduled.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/sched.h"

#define PIECE	4096		/* octets of strings kept together */

struct piece {
	struct piece	*next;
	size_t		 used, size;
	uint8_t		 p[];
};

static int	 on_feed(void *, struct span);
static void	 on_read(struct body_in *, int, void *);
static void	 on_stored(struct dbenv_wait *, int);

struct intake *
intake_new(void)
{
	return (calloc(1, sizeof(struct intake)));
}

void
intake_free(struct intake *in)
{
	struct piece	*p, *next;

	if (in == NULL)
		return;
	if (in->storing) {	/* it is in the queue: nobody need know */
		in->orphan = 1;
		return;
	}
	body_in_free(in->in);
	for (p = in->pieces; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	free(in->rcpts);
	if (in->own_arg)
		free(in->arg);
	free(in);
}

/* A copy that lives as long as the intake. */
struct span
intake_keep(struct intake *in, struct span s)
{
	struct piece	*p = in->pieces;
	size_t		 size = s.n > PIECE ? s.n : PIECE;
	uint8_t		*to;

	if (s.n == 0)
		return (span_of(NULL, 0));
	if (p == NULL || p->size - p->used < s.n) {
		if ((p = malloc(sizeof(*p) + size)) == NULL) {
			in->failed = 1;
			return (span_of(NULL, 0));
		}
		p->next = in->pieces;
		p->used = 0;
		p->size = size;
		in->pieces = p;
	}
	to = p->p + p->used;
	memcpy(to, s.p, s.n);
	p->used += s.n;
	return (span_of(to, s.n));
}

struct rec_rcpt *
intake_rcpt(struct intake *in)
{
	struct rec_rcpt	*v;
	size_t		 cap;

	if (in->n == in->cap) {
		cap = in->cap == 0 ? 4 : in->cap * 2;
		if ((v = reallocarray(in->rcpts, cap, sizeof(*v))) == NULL) {
			in->failed = 1;
			return (NULL);
		}
		in->rcpts = v;
		in->cap = cap;
	}
	v = &in->rcpts[in->n++];
	memset(v, 0, sizeof(*v));
	return (v);
}

/* Maybe by a helper thread. */
static int
on_feed(void *arg, struct span s)
{
	const struct intake	*in = arg;

	return (in->body.feed(in->body.arg, s));
}

static void
on_read(struct body_in *b, int error, void *arg)
{
	struct intake	*in = arg;

	if (error == 0)
		in->body_size = body_in_size(b);
	in->read(in, error);
}

void
intake_read(struct intake *in, const struct intake_body *b,
    void (*fn)(struct intake *, int))
{
	struct body_source	 src = { .fd = b->fd, .max = b->max,
				    .size = b->size, .prefix = b->prefix,
				    .done = on_read, .arg = in };
	int			 rc;

	in->read = fn;
	in->body = *b;
	if (b->feed != NULL)
		src.feed = on_feed;
	rc = body_in_start(q.bodies, &src, &in->in);
	if (rc == 1)
		on_read(in->in, 0, in);
	else if (rc == -1)
		fn(in, errno);
}

/* Strings of a record must fit; longer ones were refused before. */
int
intake_put(struct intake *in)
{
	uint64_t	 now = q_now();
	size_t		 i;

	if (in->failed) {
		errno = ENOMEM;
		return (-1);
	}
	if ((in->num = db_number()) == 0 ||
	    body_in_put(in->in, 1, &in->m.body) == -1)
		return (-1);
	in->m.size = in->body_size;
	in->m.arrival = now;
	in->m.nrcpts = (uint32_t)in->n;
	if (db_msg_put(in->num, &in->m) == -1)
		return (-1);
	for (i = 0; i < in->n; i++) {
		in->rcpts[i].next = in->m.release > now ? in->m.release : now;
		in->rcpts[i].release = in->m.release;
		if (holdrules_hold(&in->m, &in->rcpts[i]))
			in->rcpts[i].flags |= RF_HELD;
		if (db_rcpt_put(in->num, (uint32_t)i + 1, &in->rcpts[i]) == -1)
			return (-1);
	}
	return (0);
}

void
intake_schedule(struct intake *in)
{
	size_t	 i;

	for (i = 0; i < in->n; i++)
		sched_add(in->num, (uint32_t)i + 1, &in->rcpts[i]);
}

static void
on_stored(struct dbenv_wait *w, int error)
{
	struct intake	*in = w->arg;

	in->storing = 0;
	if (error == 0)
		intake_schedule(in);
	if (in->orphan)
		intake_free(in);
	else
		in->stored(in, error);
}

void
intake_store(struct intake *in, void (*fn)(struct intake *, int))
{
	if (db_begin() == -1 || db_end(intake_put(in)) == -1) {
		fn(in, errno);
		return;
	}
	in->stored = fn;
	in->storing = 1;
	in->wait.done = on_stored;
	in->wait.arg = in;
	if (dbenv_wait(q.env, dbenv_seq(q.env), &in->wait) == 1)
		on_stored(&in->wait, 0);
}
