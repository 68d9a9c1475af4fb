/*
 * Requests on a link and their answers: which go at once, which wait for credit,
 * and in which order those go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg_link.h"

void
peer_set_credit(struct peer *p, size_t n)
{
	p->credit = n;
}

size_t
peer_pending(const struct peer *p)
{
	const struct ask	*a;
	size_t			 n = p->nopen + p->nheld_behind;

	TAILQ_FOREACH(a, &p->held, entry)
		n++;
	return (n);
}

size_t
peer_behind(const struct peer *p, const uint32_t *who)
{
	const struct ask	*a;
	size_t			 n = 0;

	if (p == NULL || who == NULL)
		return (p == NULL ? 0 : p->nheld_behind);
	TAILQ_FOREACH(a, &p->behind, entry)
		n += a->who == *who;
	return (n);
}

/* None of this one's is open. */
static int
is_first(const struct peer *p, uint32_t who)
{
	const struct ask	*a;

	TAILQ_FOREACH(a, &p->open, entry)
		if (a->behind && a->who == who)
			return (0);
	return (1);
}

/*
 * Half of the credit is kept for those that do not let others pass; the first
 * of somebody may use half of that, so that it need not wait for a place that
 * somebody who asks much gives back.
 */
static int
may_go(const struct peer *p, const struct ask *a)
{
	size_t	 half = (p->credit + 1) / 2;

	if (p->nopen >= p->credit)
		return (0);
	return (!a->behind || p->nbehind < half ||
	    (p->nbehind < half + p->credit / 4 && is_first(p, a->who)));
}

/* It is sent: an answer is waited for. */
static void
open_ask(struct peer *p, struct ask *a)
{
	TAILQ_INSERT_TAIL(&p->open, a, entry);
	p->nopen++;
	p->nbehind += (size_t)a->behind;
}

/* After all others for the same, and after one turn of everybody before that. */
static void
take_turn(struct peer *p, struct ask *a)
{
	struct ask	*b;

	a->turn = p->turn;
	TAILQ_FOREACH(b, &p->behind, entry)
		if (b->who == a->who && b->turn >= a->turn)
			a->turn = b->turn + 1;
	TAILQ_FOREACH(b, &p->behind, entry)
		if (b->turn > a->turn)
			break;
	if (b == NULL)
		TAILQ_INSERT_TAIL(&p->behind, a, entry);
	else
		TAILQ_INSERT_BEFORE(b, a, entry);
	p->nheld_behind++;
}

static uint32_t
ask(struct peer *p, uint32_t type, const uint8_t *data, size_t n, int fd,
    int lent, const uint32_t *who, reply_fn fn, void *arg)
{
	struct ask	*a;
	int		 behind = who != NULL;

	if (p == NULL || p->gone || n > IMSG_MAX - IMSG_HEADER ||
	    (a = calloc(1, sizeof(*a))) == NULL) {
		imsg_give_up(fd, lent);
		return (0);
	}
	do
		p->next_id++;		/* 2^32 asks take days: no reuse */
	while (p->next_id == 0);
	a->id = p->next_id;
	a->type = type;
	a->fn = fn;
	a->arg = arg;
	a->behind = behind;
	if (behind)
		a->who = *who;
	if (TAILQ_EMPTY(&p->held) && may_go(p, a) &&
	    (!behind || peer_behind(p, who) == 0)) {
		if (imsg_transmit(p, type, a->id, data, n, fd, lent) == -1) {
			free(a);
			return (0);
		}
		open_ask(p, a);
		return (a->id);
	}
	if ((a->held = malloc(sizeof(*a->held) + n)) == NULL ||
	    imsg_keep_fd(&fd, lent) == -1) {
		if (a->held == NULL)
			imsg_give_up(fd, lent);
		free(a->held);
		free(a);
		return (0);
	}
	a->held->fd = fd;
	a->held->n = n;
	if (n != 0)
		memcpy(a->held->data, data, n);
	if (behind)
		take_turn(p, a);
	else
		TAILQ_INSERT_TAIL(&p->held, a, entry);
	return (a->id);
}

/* Send one that waited. */
static void
let_go(struct peer *p, struct ask *a)
{
	struct packet	*k = a->held;

	TAILQ_REMOVE(a->behind ? &p->behind : &p->held, a, entry);
	a->held = NULL;
	open_ask(p, a);
	if (a->behind) {
		p->nheld_behind--;
		p->turn = a->turn;
	}
	(void)imsg_transmit(p, a->type, a->id, k->data, k->n, k->fd, 0);
	explicit_bzero(k->data, k->n);
	free(k);
}

/* The next that may: those of one turn each are for somebody else. */
static struct ask *
next_behind(const struct peer *p)
{
	struct ask	*a, *first = TAILQ_FIRST(&p->behind);

	TAILQ_FOREACH(a, &p->behind, entry) {
		if (may_go(p, a))
			return (a);
		if (a->turn != first->turn || p->nopen >= p->credit)
			break;
	}
	return (NULL);
}

/* Send what waited for credit. */
static void
release_held(struct peer *p)
{
	struct ask	*a;

	while (!p->gone && (a = TAILQ_FIRST(&p->held)) != NULL && may_go(p, a))
		let_go(p, a);
	while (!p->gone && TAILQ_EMPTY(&p->held) &&
	    (a = next_behind(p)) != NULL)
		let_go(p, a);
}

static uint32_t
put_ask(struct peer *p, uint32_t type, const struct codec *c, const void *v,
    int fd, int lent, const uint32_t *who, reply_fn fn, void *arg)
{
	uint8_t		 room[IMSG_MAX];
	struct buf	 b = { room, 0, sizeof(room), IMSG_MAX - IMSG_HEADER, 0 };
	uint32_t	 id;

	if (c != NULL && codec_put(&b, c, v) == -1) {
		explicit_bzero(room, b.n);
		imsg_give_up(fd, lent);
		return (0);
	}
	id = ask(p, type, b.p, b.n, fd, lent, who, fn, arg);
	explicit_bzero(room, b.n);
	return (id);
}

uint32_t
peer_ask(struct peer *p, uint32_t type, const struct codec *c, const void *v,
    int fd, reply_fn fn, void *arg)
{
	return (put_ask(p, type, c, v, fd, 0, NULL, fn, arg));
}

uint32_t
peer_ask_behind(struct peer *p, uint32_t who, uint32_t type,
    const struct codec *c, const void *v, int fd, reply_fn fn, void *arg)
{
	return (put_ask(p, type, c, v, fd, 0, &who, fn, arg));
}

uint32_t
peer_ask_lend(struct peer *p, uint32_t type, const struct codec *c,
    const void *v, int fd, reply_fn fn, void *arg)
{
	return (put_ask(p, type, c, v, fd, 1, NULL, fn, arg));
}

uint32_t
peer_ask_buf(struct peer *p, uint32_t type, const struct buf *b, int fd,
    reply_fn fn, void *arg)
{
	return (ask(p, type, b == NULL ? NULL : b->p, b == NULL ? 0 : b->n, fd,
	    0, NULL, fn, arg));
}

void
peer_forget(struct peer *p, uint32_t id)
{
	struct ask	*a;

	if (p == NULL)
		return;
	TAILQ_FOREACH(a, &p->open, entry)
		if (a->id == id)
			a->fn = NULL;
	TAILQ_FOREACH(a, &p->held, entry)
		if (a->id == id)
			a->fn = NULL;
	TAILQ_FOREACH(a, &p->behind, entry)
		if (a->id == id)
			a->fn = NULL;
}

int
imsg_answered(struct peer *p, struct imsg *m)
{
	struct ask	*a;
	reply_fn	 fn;
	void		*arg;

	TAILQ_FOREACH(a, &p->open, entry)
		if (a->id == m->id)
			break;
	if (a == NULL || (a->type | IMSG_REPLY) != m->type)
		return (-1);
	TAILQ_REMOVE(&p->open, a, entry);
	p->nopen--;
	p->nbehind -= (size_t)a->behind;
	fn = a->fn;
	arg = a->arg;
	free(a);
	release_held(p);
	return (fn == NULL ? 0 : fn(arg, p, m));
}

void
imsg_end_asks(struct peer *p)
{
	struct ask	*a;

	while ((a = TAILQ_FIRST(&p->open)) != NULL ||
	    (a = TAILQ_FIRST(&p->held)) != NULL ||
	    (a = TAILQ_FIRST(&p->behind)) != NULL) {
		TAILQ_REMOVE(a->held == NULL ? &p->open : a->behind ?
		    &p->behind : &p->held, a, entry);
		if (a->held != NULL)
			imsg_free_packet(a->held);
		if (a->fn != NULL)
			(void)a->fn(a->arg, p, NULL);
		free(a);
	}
}
