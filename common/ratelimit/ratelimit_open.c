/*
 * Connections that are open now, by address, by network and in all.  A lease
 * lasts until it is given back, so nothing is ever forgotten here: the bound
 * on memory is the bound on connections.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ratelimit_int.h"

struct holder {
	struct holder		*next;
	struct slot_key		 key;
	uint32_t		 n;
};

struct ratelimit_open {
	struct holder		**chains;
	size_t			 nchains;	/* a power of two */
	size_t			 total, max;
	struct siphash_key	 seed;
};

static struct holder	**find(struct ratelimit_open *,
			    const struct slot_key *);
static int		 take(struct ratelimit_open *, const struct slot_key *);
static void		 give(struct ratelimit_open *, const struct slot_key *);
static struct slot_key	 address(const struct ratelimit_key *);
static struct slot_key	 prefix(const struct ratelimit_key *);

static struct slot_key
address(const struct ratelimit_key *k)
{
	return (slot_key(k, k->kind == 4 ? 32 : 64));
}

static struct slot_key
prefix(const struct ratelimit_key *k)
{
	return (slot_key(k, k->kind == 4 ? 24 : 48));
}

struct ratelimit_open *
ratelimit_open_new(size_t max)
{
	struct ratelimit_open	*o;

	if (max == 0 || max > SIZE_MAX / 256) {
		errno = EINVAL;
		return (NULL);
	}
	if ((o = calloc(1, sizeof(*o))) == NULL)
		return (NULL);
	o->max = max;
	for (o->nchains = 16; o->nchains < max;)
		o->nchains *= 2;
	if ((o->chains = calloc(o->nchains, sizeof(struct holder *))) == NULL ||
	    siphash_init(&o->seed) == -1) {
		ratelimit_open_free(o);
		return (NULL);
	}
	return (o);
}

void
ratelimit_open_free(struct ratelimit_open *o)
{
	struct holder	*h;
	size_t		 i;

	if (o == NULL)
		return;
	for (i = 0; o->chains != NULL && i < o->nchains; i++)
		while ((h = o->chains[i]) != NULL) {
			o->chains[i] = h->next;
			free(h);
		}
	free(o->chains);
	free(o);
}

/* Where the holder hangs, or would. */
static struct holder **
find(struct ratelimit_open *o, const struct slot_key *k)
{
	struct holder	**at;

	at = &o->chains[siphash(&o->seed, k, sizeof(*k)) & (o->nchains - 1)];
	while (*at != NULL && !slot_key_eq(&(*at)->key, k))
		at = &(*at)->next;
	return (at);
}

static int
take(struct ratelimit_open *o, const struct slot_key *k)
{
	struct holder	**at = find(o, k);

	if (*at == NULL) {
		if ((*at = calloc(1, sizeof(**at))) == NULL)
			return (-1);
		(*at)->key = *k;
	}
	(*at)->n++;
	return (0);
}

static void
give(struct ratelimit_open *o, const struct slot_key *k)
{
	struct holder	**at = find(o, k), *h = *at;

	if (h == NULL || --h->n != 0)
		return;
	*at = h->next;
	free(h);
}

enum ratelimit_verdict
ratelimit_open_add(struct ratelimit_open *o, const struct ratelimit_key *k,
    const struct ratelimit_bounds *b)
{
	struct slot_key	 a = address(k), p = prefix(k);
	struct holder	*h;

	if (o->total >= o->max || (b->total != 0 && o->total >= b->total))
		return (RATELIMIT_TOTAL);
	h = *find(o, &a);
	if (h != NULL && b->address != 0 && h->n >= b->address)
		return (RATELIMIT_ADDRESS);
	h = *find(o, &p);
	if (h != NULL && b->prefix != 0 && h->n >= b->prefix)
		return (RATELIMIT_PREFIX);
	if (take(o, &a) == -1)
		return (RATELIMIT_NOMEM);
	if (take(o, &p) == -1) {
		give(o, &a);
		return (RATELIMIT_NOMEM);
	}
	o->total++;
	return (RATELIMIT_OK);
}

void
ratelimit_open_remove(struct ratelimit_open *o, const struct ratelimit_key *k)
{
	struct slot_key	 a = address(k), p = prefix(k);

	if (*find(o, &a) == NULL)	/* never taken */
		return;
	give(o, &a);
	give(o, &p);
	o->total--;
}

size_t
ratelimit_open_total(const struct ratelimit_open *o)
{
	return (o->total);
}
