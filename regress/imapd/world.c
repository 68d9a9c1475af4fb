/*
 * What all clients together know.  See world.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static struct world_uid	*slot(struct world *, uint32_t, uint32_t);

void
world_free(struct world *w)
{
	free(w->uids);
	free(w->boxes);
}

static struct world_uid *
find(struct world_uid *uids, size_t cap, uint32_t uidvalidity, uint32_t uid)
{
	uint64_t	 h = ((uint64_t)uidvalidity << 32 | uid) *
			    0x9e3779b97f4a7c15u;
	size_t		 i = (size_t)(h >> 20) & (cap - 1);

	while (uids[i].uid != 0 && (uids[i].uid != uid ||
	    uids[i].uidvalidity != uidvalidity))
		i = (i + 1) & (cap - 1);
	return (&uids[i]);
}

/* Of this UID, made when there is none. */
static struct world_uid *
slot(struct world *w, uint32_t uidvalidity, uint32_t uid)
{
	struct world_uid	*nv, *u;
	size_t			 i, cap = w->cap == 0 ? 4096 : w->cap * 2;

	if (w->n * 2 >= w->cap) {
		if ((nv = calloc(cap, sizeof(*nv))) == NULL)
			abort();
		for (i = 0; i < w->cap; i++)
			if (w->uids[i].uid != 0)
				*find(nv, cap, w->uids[i].uidvalidity,
				    w->uids[i].uid) = w->uids[i];
		free(w->uids);
		w->uids = nv;
		w->cap = cap;
	}
	u = find(w->uids, w->cap, uidvalidity, uid);
	if (u->uid == 0) {
		u->uidvalidity = uidvalidity;
		u->uid = uid;
		w->n++;
	}
	return (u);
}

int
world_is(struct world *w, uint32_t uidvalidity, uint32_t uid, uint32_t number)
{
	struct world_uid	*u = slot(w, uidvalidity, uid);

	if (u->number == 0)
		u->number = number;
	return (number == 0 || u->number == number ? 0 : -1);
}

uint32_t
world_number(struct world *w, uint32_t uidvalidity, uint32_t uid)
{
	return (slot(w, uidvalidity, uid)->number);
}

int
world_recent(struct world *w, uint32_t uidvalidity, uint32_t uid,
    uint32_t session)
{
	struct world_uid	*u = slot(w, uidvalidity, uid);

	if (u->session == 0)
		u->session = session;
	return (u->session == session ? 0 : -1);
}

const char *
world_box(struct world *w, uint32_t uidvalidity, const char *name,
    uint32_t uidnext, uint64_t highest, int *same)
{
	struct world_box	*b, *nv;
	size_t			 i;
	const char		*why = NULL;

	for (i = 0; i < w->nboxes; i++)
		if (w->boxes[i].uidvalidity == uidvalidity)
			break;
	if (i == w->nboxes) {
		if ((nv = reallocarray(w->boxes, w->nboxes + 1,
		    sizeof(*nv))) == NULL)
			abort();
		w->boxes = nv;
		memset(&nv[w->nboxes++], 0, sizeof(*nv));
	}
	b = &w->boxes[i];
	if (uidnext < b->uidnext)
		why = "UIDNEXT falls";
	if (highest < b->highest)
		why = "HIGHESTMODSEQ falls";
	*same = highest == b->highest;
	b->uidvalidity = uidvalidity;
	b->uidnext = uidnext;
	b->highest = highest;
	/* What cannot be renamed has one UIDVALIDITY for ever. */
	for (i = 0; i < w->nboxes && world_role(name) != WORLD_FREE; i++)
		if (strcmp(w->boxes[i].name, name) == 0 &&
		    w->boxes[i].uidvalidity != uidvalidity)
			why = "another UIDVALIDITY";
	snprintf(b->name, sizeof(b->name), "%s", name);
	return (why);
}

enum world_role
world_role(const char *name)
{
	if (strcmp(name, "Keep") == 0)
		return (WORLD_KEEP);
	return (strncmp(name, "Ring", 4) == 0 ? WORLD_RING : WORLD_FREE);
}
