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

/* A name that the guest sees is one of the owner's, or its own. */
static void
guest_name(struct storm *s, const char *name)
{
	const char	*prefix = storm_name(&s->clients[STORM_FRESH], 0, "");
	size_t		 n = strlen(prefix) - 2, i;	/* quotes */

	if (strncmp(name, prefix + 1, n) != 0) {
		if (s->nown < nitems(s->own))
			snprintf(s->own[s->nown++], sizeof(s->own[0]), "%.63s",
			    name);
		return;
	}
	for (i = 0; i < s->nboxes; i++)
		if (strcmp(s->boxes[i], name + n) == 0) {
			s->listed |= (uint64_t)1 << i;
			return;
		}
	storm_bad(&s->clients[STORM_FRESH], "the owner has no such mailbox",
	    span_str(name));
}

/* Names and values behind the name of a mailbox, which has none of "()". */
static void
status(struct storm *s, struct span line)
{
	const struct {
		const char	*name;
		uint64_t	*to;
	} items[] = {
		{ "MESSAGES", &s->status.messages },
		{ "UNSEEN", &s->status.unseen },
		{ "DELETED", &s->status.deleted },
		{ "HIGHESTMODSEQ", &s->status.highest },
	};
	struct span	 name, v;
	size_t		 i;

	memset(&s->status, 0, sizeof(s->status));
	(void)span_split(&line, '(', &name);
	(void)span_split(&line, ')', &v);
	for (line = v; line.n > 0;) {
		(void)span_split(&line, ' ', &name);
		(void)span_split(&line, ' ', &v);
		for (i = 0; i < nitems(items); i++)
			if (span_eqs(name, items[i].name))
				(void)span_num(v, INT64_MAX, items[i].to);
	}
}

void
storm_look_untagged(struct storm *s, struct span line)
{
	char	 name[160];
	size_t	 i, quoted;

	storm_acl_untagged(s, line);
	if (span_caseprefix(line, "* STATUS "))
		status(s, line);
	if (!span_caseprefix(line, "* LIST (") ||
	    span_caseprefix(line, "* LIST (\\Non") ||
	    span_caseprefix(line, "* LIST (\\Nos"))
		return;
	quoted = line.p[line.n - 1] == '"';
	for (i = line.n - quoted; i > 0 && line.p[i - 1] != (quoted ? '"' :
	    ' '); i--)
		continue;
	snprintf(name, sizeof(name), "%.*s", (int)(line.n - i - quoted),
	    (const char *)line.p + i);
	if (s->clients[STORM_FRESH].guest)
		guest_name(s, name);
	else if (s->nboxes < nitems(s->boxes))
		snprintf(s->boxes[s->nboxes++], sizeof(s->boxes[0]), "%.63s",
		    name);
}

/* One client and the truth, of the same mailbox. */
static void
compare(struct storm_client *c, const struct told *t)
{
	const struct told_msg	*a, *b;
	char			 text[160];
	uint32_t		 i, k = 0;

	if (c->told.n != t->n) {
		snprintf(text, sizeof(text), "it counts %u, there are %u",
		    c->told.n, t->n);
		storm_bad(c, "not told", span_str(text));
		return;
	}
	for (i = 0; i < t->n; i++) {
		a = &c->told.m[i];
		if (c->told.uidonly && a->uid == 0)
			continue;	/* it may be anywhere */
		while (c->told.uidonly && k + 1 < t->n && t->m[k].uid < a->uid)
			k++;
		b = &t->m[c->told.uidonly ? k : i];
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
		else if (role != WORLD_FREE && !f->guest)
			w->count[n]++;
		if (f->told.m[i].uid >= f->told.uidnext)
			storm_bad(f, "above UIDNEXT", span_str(name));
	}
}

/* All clients that are there, and those that watch. */
static void
compare_all(struct storm *s, const char *name)
{
	struct storm_client	*f = &s->clients[STORM_FRESH], *c;
	int			 i;

	for (i = 0; i < STORM_CLIENTS; i++) {
		c = &s->clients[i];
		if (c->told.selected && storm_validity(c) == storm_validity(f))
			compare(c, &f->told);
		if (c->watches && c->guest == f->guest)
			storm_watched(c, f, name);
	}
}

/*
 * What is counted is what there is, unless it changed since: 0, -1 it was cut
 * off.
 */
static int
counters(struct storm *s, const char *name, uint32_t other)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	const struct told	*t = &f->told;
	uint32_t		 i, unseen = 0, deleted = 0;
	char			 text[256];

	storm_say(f, SAY_ANY, 1, "STATUS %s (MESSAGES UNSEEN DELETED "
	    "HIGHESTMODSEQ)", storm_name(f, other, name));
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	for (i = 0; i < t->n; i++) {
		unseen += (t->m[i].flags & TOLD_SEEN) == 0;
		deleted += (t->m[i].flags & TOLD_DELETED) != 0;
	}
	snprintf(text, sizeof(text), "%s: %llu messages, %llu unseen, %llu "
	    "deleted; it is %u, %u, %u", name,
	    (unsigned long long)s->status.messages,
	    (unsigned long long)s->status.unseen,
	    (unsigned long long)s->status.deleted, t->n, unseen, deleted);
	if (s->status.highest == t->highest && (s->status.messages != t->n ||
	    s->status.unseen != unseen || s->status.deleted != deleted))
		storm_bad(f, "miscounted", span_str(text));
	return (0);
}

/*
 * One mailbox as a fresh session sees it; other: STORM_GUEST, the guest's.  0, -1
 * it was cut off.
 */
static int
look_at(struct storm *s, const char *name, uint32_t other)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	const char		*why;
	uint32_t		 i;
	int			 same;

	snprintf(f->name, sizeof(f->name), "%s", name);
	f->readonly = 1;
	f->session = ++s->sessions;
	f->other = f->chosen = other;
	told_closed(&f->told);
	storm_say(f, SAY_SELECT, 1, "EXAMINE %s", storm_name(f, other, name));
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	if (!f->told.selected) {
		storm_bad(f, "listed and not there", span_str(name));
		return (0);
	}
	storm_say(f, SAY_ANY, 1, "FETCH 1:* (UID FLAGS MODSEQ ENVELOPE)");
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	if ((why = world_box(&s->world, storm_validity(f), name,
	    f->told.uidnext, f->told.highest, &same)) != NULL)
		storm_bad(f, why, span_str(name));
	/* of a command that nobody waits for */
	for (i = 0; i < f->told.n; i++)
		if (f->told.m[i].modseq > f->told.highest)
			same = 0;
	if (f->told.since > 0)
		same = 0;
	same |= s->net->settle != NULL;
	s->still &= same;
	if (!same)
		return (0);
	count(s, name);
	compare_all(s, name);
	return (counters(s, name, other) == -1 ? -1 : storm_searches(s));
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

/* A fresh session of the owner, or of the guest, which lists what it sees. */
static int
fresh(struct storm *s, int guest)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];

	storm_disconnect(f);
	f->guest = guest;
	if (storm_connect(f) == -1)
		return (-1);
	storm_say(f, SAY_ANY, 0, "ENABLE CONDSTORE");
	storm_say(f, SAY_ANY, 0, "LIST \"\" *");
	return (storm_drain(s) == -1 || f->fd == -1 ? -1 : 0);
}

/* What the owner has: 0, -1 a connection was cut off. */
static int
look_owner(struct storm *s)
{
	size_t	 i;
	int	 k;

	s->nboxes = 0;
	if (fresh(s, 0) == -1)
		return (-1);
	for (i = 0; i < s->nboxes; i++)
		if (look_at(s, s->boxes[i], 0) == -1)
			return (-1);
	for (k = 0; k < STORM_CLIENTS && s->still; k++)
		if (s->clients[k].watches && !s->clients[k].guest)
			storm_watched_all(&s->clients[k]);
	return (s->net->guest == NULL ? 0 : storm_acl_look(s));
}

/* The same for the guest, if nothing changes any more. */
static int
look_guest(struct storm *s)
{
	size_t	 i;
	int	 rc;

	s->nown = 0;
	s->listed = 0;
	if (fresh(s, 1) == -1)
		return (-1);
	for (i = 0; i < s->nboxes; i++)
		if ((rc = storm_acl_probe(s, i)) == -1 ||
		    (rc == 1 && look_at(s, s->boxes[i], 0) == -1))
			return (-1);
	for (i = 0; i < s->nown; i++)
		if (look_at(s, s->own[i], STORM_GUEST) == -1)
			return (-1);
	for (i = 0; i < STORM_CLIENTS && s->still; i++)
		if (s->clients[i].watches && s->clients[i].guest)
			storm_watched_all(&s->clients[i]);
	return (0);
}

/* All mailboxes: 0, -1 a connection was cut off. */
static int
look_once(struct storm *s)
{
	if (calm(s) == -1)
		return (-1);
	memset(s->world.count, 0, sizeof(s->world.count));
	s->still = 1;
	if (look_owner(s) == -1 || (s->still && s->net->guest != NULL &&
	    look_guest(s) == -1))
		return (-1);
	storm_disconnect(&s->clients[STORM_FRESH]);
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
		s->clients[STORM_FRESH].guest = 0;
		if (rc == -1)
			s->net->turn(0);
	}
	if (rc == -1)
		storm_bad(&s->clients[STORM_FRESH], "no look", span_str(""));
	s->looks++;
	for (i = 0; i < STORM_CLIENTS; i++) {
		c = &s->clients[i];
		if (c->fd != -1 && c->told.selected && storm_pick(s, 2) == 0)
			storm_say(c, SAY_ANY, !c->uids, "%sFETCH 1:* (UID "
			    "FLAGS%s)", c->uids ? "UID " : "", c->kind ==
			    KIND_PLAIN ? "" : " MODSEQ");
	}
}
