/*
 * A storm stands still: what every client was told is compared with what a
 * fresh session is told now.  See storm.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

#define TRIES	5000	/* while connections are cut */
#define STILL	50	/* looks until nothing changes in between */

/* What SEARCH finds is what the flags say. */
static const struct {
	const char	*key;
	uint32_t	 bits, want;
} keys[] = {
	{ "DELETED",		TOLD_DELETED,	TOLD_DELETED },
	{ "UNSEEN",		TOLD_SEEN,	0 },
	{ "FLAGGED DRAFT",	TOLD_FLAGGED | TOLD_DRAFT,
	    TOLD_FLAGGED | TOLD_DRAFT },
	{ "KEYWORD $k1",	1u << (TOLD_KEYWORD + 1),
	    1u << (TOLD_KEYWORD + 1) },
	{ "UNKEYWORD $k1 ANSWERED", 1u << (TOLD_KEYWORD + 1) | TOLD_ANSWERED,
	    TOLD_ANSWERED },
};

void
storm_look_untagged(struct storm *s, struct span line)
{
	struct span	 word;
	uint64_t	 n;
	size_t		 i;

	if (span_caseprefix(line, "* LIST (")) {
		for (i = line.n; i > 0 && line.p[i - 1] != ' '; i--)
			continue;
		if (span_caseprefix(line, "* LIST (\\Non") ||
		    span_caseprefix(line, "* LIST (\\Nos") ||
		    s->nboxes == nitems(s->boxes))
			return;
		snprintf(s->boxes[s->nboxes++], sizeof(s->boxes[0]), "%.*s",
		    (int)(line.n - i), (const char *)line.p + i);
	}
	if (!span_caseprefix(line, "* SEARCH"))
		return;
	line = span_of(line.p + 8, line.n - 8);
	while (line.n > 0) {
		(void)span_split(&line, ' ', &word);
		if (span_num(word, UINT32_MAX, &n) == 0 && n > 0 &&
		    n <= s->nfound)
			s->found[n - 1]++;
		else if (word.n > 0 && word.p[0] == '(')
			break;		/* (MODSEQ n) */
		else if (word.n > 0)
			storm_bad(&s->clients[STORM_FRESH], "SEARCH finds what "
			    "is not there", word);
	}
}

static void
ask(struct storm *s, const char *what, uint32_t n)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];

	free(s->found);
	s->nfound = n;
	if ((s->found = calloc(1, n + 1)) == NULL)
		abort();
	storm_say(f, SAY_ANY, 1, "SEARCH %s", what);
	(void)storm_drain(s);
}

static void
searches(struct storm *s)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	const struct told	*t = &f->told;
	char			 text[64];
	unsigned		 k = storm_pick(s, nitems(keys));
	uint32_t		 i, n = t->n;
	uint64_t		 since;

	ask(s, keys[k].key, n);
	for (i = 0; i < t->n; i++)
		if (s->found[i] != ((t->m[i].flags & keys[k].bits) ==
		    keys[k].want))
			storm_bad(f, "SEARCH and FETCH differ",
			    span_str(keys[k].key));
	since = n == 0 ? 1 : t->m[storm_pick(s, n)].modseq;
	snprintf(text, sizeof(text), "MODSEQ %llu", (unsigned long long)since);
	ask(s, text, n);
	for (i = 0; i < t->n; i++)
		if (s->found[i] != (t->m[i].modseq >= since))
			storm_bad(f, "SEARCH MODSEQ and FETCH differ",
			    span_str(text));
	if (n == 0)
		return;
	k = t->m[storm_pick(s, n)].number;
	snprintf(text, sizeof(text), "SUBJECT n%u TEXT \" %u\"", k, k);
	ask(s, text, n);
	for (i = 0; i < t->n; i++)
		if (t->m[i].number == k && s->found[i] != 1)
			storm_bad(f, "SEARCH does not find it",
			    span_str(text));
}

/* One client and the truth, of the same mailbox. */
static void
compare(struct storm_client *c, const struct told *t)
{
	const struct told_msg	*a, *b;
	char			 text[160];
	uint32_t		 i;

	if (c->told.n != t->n) {
		snprintf(text, sizeof(text), "it counts %u, there are %u",
		    c->told.n, t->n);
		storm_bad(c, "not told", span_str(text));
		return;
	}
	for (i = 0; i < t->n; i++) {
		a = &c->told.m[i];
		b = &t->m[i];
		snprintf(text, sizeof(text), "%u: UID %u, flags %x (%d), modseq "
		    "%llu; it is UID %u, flags %x, modseq %llu", i + 1, a->uid,
		    a->flags, a->known, (unsigned long long)a->modseq, b->uid,
		    b->flags, (unsigned long long)b->modseq);
		if (a->uid != 0 && a->uid != b->uid)
			storm_bad(c, "another UID", span_str(text));
		else if (a->known && a->flags != b->flags)
			storm_bad(c, "other flags", span_str(text));
		else if (a->modseq > b->modseq || (c->told.condstore &&
		    a->known && a->modseq != 0 && a->modseq != b->modseq))
			storm_bad(c, "another modseq", span_str(text));
		else if (a->due && !a->known)
			storm_bad(c, "flags never told", span_str(text));
	}
}

static void
count(struct storm *s, const char *name)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	struct world		*w = &s->world;
	enum world_role		 role = world_role(name);
	uint32_t		 i, n;

	for (i = 0; i < f->told.n; i++) {
		n = f->told.m[i].number;
		if (n == 0 || n >= w->next)
			storm_bad(f, "a message of nobody's",
			    span_str(name));
		else if (role != WORLD_FREE)
			w->count[n]++;
		if (f->told.m[i].uid >= f->told.uidnext)
			storm_bad(f, "above UIDNEXT", span_str(name));
	}
}

/* One mailbox as a fresh session sees it: 0, -1 it was cut off. */
static int
look_at(struct storm *s, const char *name)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	const char		*why;
	int			 i, same;

	snprintf(f->name, sizeof(f->name), "%s", name);
	f->readonly = 1;
	f->session = ++s->sessions;
	told_closed(&f->told);
	storm_say(f, SAY_SELECT, 1, "EXAMINE %s", name);
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	if (!f->told.selected) {
		storm_bad(f, "listed and not there", span_str(name));
		return (0);
	}
	storm_say(f, SAY_ANY, 1, "FETCH 1:* (UID FLAGS MODSEQ ENVELOPE)");
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	if ((why = world_box(&s->world, f->told.uidvalidity, name,
	    f->told.uidnext, f->told.highest, &same)) != NULL)
		storm_bad(f, why, span_str(name));
	same |= s->net->settle != NULL;
	s->still &= same;
	count(s, name);
	for (i = 0; i < STORM_CLIENTS && same; i++)
		if (s->clients[i].told.selected &&
		    s->clients[i].told.uidvalidity == f->told.uidvalidity)
			compare(&s->clients[i], &f->told);
	searches(s);
	return (f->fd == -1 ? -1 : 0);
}

/* All that was acknowledged is where it should be, once; nothing is twice. */
static void
durable(struct storm *s)
{
	struct world	*w = &s->world;
	char		 text[64];
	uint32_t	 n;

	for (n = 1; n < w->next; n++) {
		if (w->count[n] == w->acked[n] || w->role[n] == WORLD_FREE ||
		    (!w->acked[n] && w->count[n] < 2))
			continue;
		snprintf(text, sizeof(text), "message %u of a %s, %u times", n,
		    w->role[n] == WORLD_KEEP ? "keep" : "ring", w->count[n]);
		storm_bad(&s->clients[STORM_FRESH], "not there once", span_str(text));
	}
}

/* Everything that is on its way arrives: 0, -1 a connection was cut off. */
static int
calm(struct storm *s)
{
	int	 i, k, rc = 0;

	for (k = 0; k < 2; k++) {
		if (storm_drain(s) == -1)
			rc = -1;
		if (s->net->settle != NULL)
			s->net->settle();
		for (i = 0; i < STORM_CLIENTS; i++)
			if (s->clients[i].fd != -1)
				storm_say(&s->clients[i], SAY_ANY, 0, "NOOP");
	}
	return (storm_drain(s) == -1 ? -1 : rc);
}

/* All mailboxes: 0, -1 a connection was cut off. */
static int
look_once(struct storm *s)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	size_t			 i;

	if (calm(s) == -1)
		return (-1);
	memset(s->world.count, 0, sizeof(s->world.count));
	s->nboxes = 0;
	s->still = 1;
	if (storm_connect(f) == -1)
		return (-1);
	storm_say(f, SAY_ANY, 0, "ENABLE CONDSTORE");
	storm_say(f, SAY_ANY, 0, "LIST \"\" *");
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	for (i = 0; i < s->nboxes; i++)
		if (look_at(s, s->boxes[i]) == -1)
			return (-1);
	storm_disconnect(f);
	return (0);
}

/*
 * Over the wire nobody can tell when the commands of a connection that was given
 * up are done: then it is looked again until nothing changes in between.
 */
static int
try_look(struct storm *s)
{
	int	 i = 0;

	do {
		if (look_once(s) == -1)
			return (-1);
	} while (!s->still && ++i < STILL);
	if (!s->still)
		storm_bad(&s->clients[STORM_FRESH], "it never stands still",
		    span_str(""));
	durable(s);
	return (0);
}

void
storm_look(struct storm *s)
{
	struct storm_client	*c;
	int			 i, rc = -1;

	for (i = 0; i < TRIES && rc == -1; i++) {
		rc = try_look(s);
		storm_disconnect(&s->clients[STORM_FRESH]);
		if (rc == -1)
			s->net->turn(0);
	}
	if (rc == -1)
		storm_bad(&s->clients[STORM_FRESH], "no look", span_str(""));
	s->looks++;
	for (i = 0; i < STORM_CLIENTS; i++) {
		c = &s->clients[i];
		if (c->fd != -1 && c->told.selected && storm_pick(s, 2) == 0)
			storm_say(c, SAY_ANY, 1, "FETCH 1:* (UID FLAGS%s)",
			    c->kind == KIND_PLAIN ? "" : " MODSEQ");
	}
}
