/*
 * Events in sliding windows, by address and network.  A counter holds all
 * windows of one network; what is not there counts nothing.  Memory is bounded:
 * at the limit the counter longest untouched goes, and whoever is being counted
 * right now touches its networks each time.
 *
 * A window is SLOTS slots of time, and the one that has begun: what happened is
 * forgotten a slot at a time, when all of that slot is older than the window.
 * So no stretch of a window's length ever has more than the limit, wherever it
 * begins, and what counts is over after at most a slot more.
 */
#include <sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ratelimit_int.h"

#define SLOTS		8		/* of a window */
#define RING		(SLOTS + 1)

struct window {
	uint64_t	 slot;			/* the youngest in the ring */
	uint32_t	 n[RING];		/* by slot % RING */
};

struct counter {
	TAILQ_ENTRY(counter)	 age;		/* oldest first */
	struct counter		*next;		/* in its chain */
	size_t			 chain;
	struct slot_key		 key;
	struct window		 w[];		/* as many as there are */
};

struct ratelimit {
	struct ratelimit_window	 w[RATELIMIT_WINDOWS];
	size_t			 nw;
	struct counter		**chains;
	size_t			 nchains;	/* a power of two */
	size_t			 n, max;
	struct siphash_key	 seed;
	TAILQ_HEAD(, counter)	 age;
};

const struct ratelimit_window	 ratelimit_logins[2] = {
	{ 60, { 10, 30, 90 } },
	{ 86400, { 50, 150, 450 } },
};

const struct ratelimit_window	 ratelimit_connects[1] = {
	{ 60, { 300, 900, 2700 } },
};

static size_t		 classes(const struct ratelimit_key *);
static struct slot_key	 class_key(const struct ratelimit_key *, size_t class);
static size_t		 chain_of(const struct ratelimit *,
			    const struct slot_key *);
static struct counter	*find(const struct ratelimit *,
			    const struct slot_key *);
static void		 forget(struct ratelimit *, struct counter *);
static struct counter	*touch(struct ratelimit *, const struct slot_key *);
static uint64_t		 slot_of(const struct ratelimit *, size_t w,
			    uint64_t now);
static void		 advance(struct window *, uint64_t slot);
static uint32_t		 value(const struct ratelimit *,
			    const struct counter *, size_t w, uint64_t now);
static void		 add(struct ratelimit *, const struct slot_key *,
			    uint64_t now, uint32_t n);
static void		 take_off(struct window *, struct window *,
			    uint64_t slot);

static const uint8_t	 widths[2][RATELIMIT_CLASSES] = {
	{ 32, 26, 21 },		/* IPv4 */
	{ 64, 48, 32 },		/* IPv6 */
};

static size_t
classes(const struct ratelimit_key *k)
{
	return (k->kind == 'n' ? 1 : RATELIMIT_CLASSES);
}

static struct slot_key
class_key(const struct ratelimit_key *k, size_t class)
{
	return (slot_key(k, widths[k->kind != 4][class]));
}

struct ratelimit *
ratelimit_new(const struct ratelimit_window *w, size_t n, size_t max)
{
	struct ratelimit	*r;
	size_t			 i;

	for (i = 0; n <= RATELIMIT_WINDOWS && i < n && w[i].seconds != 0;)
		i++;
	if (n == 0 || i != n || max < RATELIMIT_CLASSES ||
	    max > SIZE_MAX / 256) {
		errno = EINVAL;
		return (NULL);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	memcpy(r->w, w, n * sizeof(*w));
	r->nw = n;
	r->max = max;
	TAILQ_INIT(&r->age);
	for (r->nchains = 16; r->nchains < max;)
		r->nchains *= 2;
	r->chains = calloc(r->nchains, sizeof(struct counter *));
	if (r->chains == NULL || siphash_init(&r->seed) == -1) {
		ratelimit_free(r);
		return (NULL);
	}
	return (r);
}

void
ratelimit_free(struct ratelimit *r)
{
	struct counter	*c;

	if (r == NULL)
		return;
	while ((c = TAILQ_FIRST(&r->age)) != NULL)
		forget(r, c);
	free(r->chains);
	free(r);
}

static size_t
chain_of(const struct ratelimit *r, const struct slot_key *k)
{
	return (siphash(&r->seed, k, sizeof(*k)) & (r->nchains - 1));
}

static struct counter *
find(const struct ratelimit *r, const struct slot_key *k)
{
	struct counter	*c;

	for (c = r->chains[chain_of(r, k)]; c != NULL; c = c->next)
		if (slot_key_eq(&c->key, k))
			return (c);
	return (NULL);
}

static void
forget(struct ratelimit *r, struct counter *c)
{
	struct counter	**at;

	for (at = &r->chains[c->chain]; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	TAILQ_REMOVE(&r->age, c, age);
	r->n--;
	free(c);
}

/*
 * The counter, made if need be, now the youngest.  NULL without memory: then
 * nothing is counted, which is kinder than refusing everybody.
 */
static struct counter *
touch(struct ratelimit *r, const struct slot_key *k)
{
	struct counter	*c;

	if ((c = find(r, k)) != NULL) {
		TAILQ_REMOVE(&r->age, c, age);
		TAILQ_INSERT_TAIL(&r->age, c, age);
		return (c);
	}
	if (r->n == r->max)
		forget(r, TAILQ_FIRST(&r->age));
	c = calloc(1, sizeof(*c) + r->nw * sizeof(c->w[0]));
	if (c == NULL)
		return (NULL);
	c->key = *k;
	c->chain = chain_of(r, k);
	c->next = r->chains[c->chain];
	r->chains[c->chain] = c;
	TAILQ_INSERT_TAIL(&r->age, c, age);
	r->n++;
	return (c);
}

static uint64_t
slot_of(const struct ratelimit *r, size_t w, uint64_t now)
{
	return (now / r->w[w].seconds * SLOTS +
	    now % r->w[w].seconds * SLOTS / r->w[w].seconds);
}

/* Let the ring reach up to this slot; what it held RING slots ago goes. */
static void
advance(struct window *w, uint64_t slot)
{
	if (slot >= w->slot + RING) {
		memset(w->n, 0, sizeof(w->n));
		w->slot = slot;
	}
	while (w->slot < slot)
		w->n[++w->slot % RING] = 0;
}

/* What it holds of the window that ends now. */
static uint32_t
value(const struct ratelimit *r, const struct counter *c, size_t w,
    uint64_t now)
{
	const struct window	*v;
	uint64_t		 sum = 0, s, slot = slot_of(r, w, now);

	if (c == NULL)
		return (0);
	v = &c->w[w];
	if (slot < v->slot)		/* a clock that went back */
		slot = v->slot;
	for (s = slot < SLOTS ? 0 : slot - SLOTS; s <= v->slot; s++)
		sum += v->n[s % RING];
	return (sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum);
}

static void
add(struct ratelimit *r, const struct slot_key *k, uint64_t now, uint32_t n)
{
	struct counter	*c;
	struct window	*v;
	uint32_t	*at;
	size_t		 w;

	if ((c = touch(r, k)) == NULL)
		return;
	for (w = 0; w < r->nw; w++) {
		v = &c->w[w];
		advance(v, slot_of(r, w, now));
		at = &v->n[v->slot % RING];
		*at = n > UINT32_MAX - *at ? UINT32_MAX : *at + n;
	}
}

int
ratelimit_check(const struct ratelimit *r, const struct ratelimit_key *k,
    uint64_t now, uint32_t n)
{
	struct slot_key	 s;
	struct counter	*c;
	uint32_t	 v, limit;
	size_t		 i, w;

	for (i = 0; i < classes(k); i++) {
		s = class_key(k, i);
		c = find(r, &s);
		for (w = 0; w < r->nw; w++) {
			v = value(r, c, w, now);
			limit = r->w[w].limit[i];
			if (limit != 0 && (v > limit || n > limit - v))
				return (0);
		}
	}
	return (1);
}

void
ratelimit_force(struct ratelimit *r, const struct ratelimit_key *k,
    uint64_t now, uint32_t n)
{
	struct slot_key	 s;
	size_t		 i;

	for (i = 0; i < classes(k); i++) {
		s = class_key(k, i);
		add(r, &s, now, n);
	}
}

int
ratelimit_add(struct ratelimit *r, const struct ratelimit_key *k,
    uint64_t now, uint32_t n)
{
	if (!ratelimit_check(r, k, now, n))
		return (0);
	ratelimit_force(r, k, now, n);
	return (1);
}

/* Take from a network's window what an address did, slot by slot; what was
 * forgotten between is not there. */
static void
take_off(struct window *from, struct window *own, uint64_t slot)
{
	uint32_t	*at, n;
	size_t		 i;

	advance(from, slot);
	advance(own, from->slot);
	advance(from, own->slot);
	for (i = 0; i < RING; i++) {
		at = &from->n[i];
		n = own->n[i];
		*at -= n < *at ? n : *at;
	}
}

void
ratelimit_reset(struct ratelimit *r, const struct ratelimit_key *k,
    uint64_t now)
{
	struct slot_key	 s = class_key(k, 0);
	struct counter	*own, *c;
	size_t		 i, w;

	if ((own = find(r, &s)) == NULL)
		return;
	for (i = 1; i < classes(k); i++) {
		s = class_key(k, i);
		if ((c = find(r, &s)) == NULL)
			continue;
		for (w = 0; w < r->nw; w++)
			take_off(&c->w[w], &own->w[w], slot_of(r, w, now));
	}
	forget(r, own);
}

uint32_t
ratelimit_count(const struct ratelimit *r, const struct ratelimit_key *k,
    uint64_t now, size_t window)
{
	struct slot_key	 s = class_key(k, 0);

	return (window < r->nw ? value(r, find(r, &s), window, now) : 0);
}

size_t
ratelimit_entries(const struct ratelimit *r)
{
	return (r->n);
}
