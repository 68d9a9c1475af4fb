/*
 * One who watches is told of all mailboxes of the account (RFC 5465): what it
 * knows by that, and that it is so when all stands still.  It changes nothing
 * itself, since it would not be told.  See storm.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

#define MESSAGES	"MessageNew MessageExpunge FlagChange"

static struct storm_box *
find(struct storm_client *c, const char *name)
{
	size_t	 i;

	for (i = 0; i < c->nboxes; i++)
		if (strcmp(c->boxes[i].name, name) == 0)
			return (&c->boxes[i]);
	return (NULL);
}

static struct storm_box *
make(struct storm_client *c, const char *name)
{
	struct storm_box	*b = find(c, name);

	if (b != NULL || c->nboxes == STORM_BOXES)
		return (b);
	b = &c->boxes[c->nboxes++];
	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%s", name);
	return (b);
}

static void
drop(struct storm_client *c, const char *name)
{
	struct storm_box	*b = find(c, name);

	if (b != NULL)
		*b = c->boxes[--c->nboxes];
}

/* First of all on a connection. */
void
storm_watch(struct storm_client *c)
{
	const char	*how = c->notify == NOTIFY_AT_ONCE ? "selected" :
			    "selected-delayed";

	c->notified = 1;
	c->nboxes = 0;
	if (!c->watches) {
		storm_say(c, SAY_ANY, 0, "NOTIFY SET (%s (" MESSAGES
		    "))", how);
		return;
	}
	storm_say(c, SAY_ANY, 0, "NOTIFY SET STATUS (%s (MessageNew (FLAGS) "
	    "MessageExpunge FlagChange)) (personal (" MESSAGES
	    " MailboxName))", how);
	storm_say(c, SAY_ANY, 0, "LIST \"\" *");
}

/* ---- what is told --------------------------------------------------------------- */

static void
status(struct storm_client *c, struct span s)
{
	struct storm_box	*b;
	struct span		 name, v;
	char			 text[64];
	uint64_t		 n;
	int			 counted = 0;

	(void)span_split(&s, ' ', &name);
	snprintf(text, sizeof(text), "%.*s", (int)name.n, (const char *)name.p);
	if ((b = make(c, text)) == NULL || s.n < 2)
		return;
	c->storm->statuses++;
	b->highest = 0;		/* unless it is told that as well */
	s = span_of(s.p + 1, s.n - 2);
	while (s.n > 0) {
		(void)span_split(&s, ' ', &name);
		(void)span_split(&s, ' ', &v);
		if (span_num(v, INT64_MAX, &n) == -1)
			continue;
		if (span_eqs(name, "MESSAGES")) {
			b->messages = (uint32_t)n;
			counted = 1;
		} else if (span_eqs(name, "UIDNEXT"))
			b->uidnext = (uint32_t)n;
		else if (span_eqs(name, "UNSEEN"))
			b->unseen = (uint32_t)n;
		else if (span_eqs(name, "HIGHESTMODSEQ"))
			b->highest = n;
		else if (span_eqs(name, "UIDVALIDITY")) {
			if (b->uidvalidity != (uint32_t)n)
				b->known = 0;	/* another one */
			b->uidvalidity = (uint32_t)n;
		}
	}
	b->known |= counted;
	storm_watch_selected(c);
}

/* Of that one it is told another way. */
void
storm_watch_selected(struct storm_client *c)
{
	size_t	 i;

	for (i = 0; c->told.selected && i < c->nboxes; i++)
		if (c->boxes[i].uidvalidity == c->told.uidvalidity ||
		    strcmp(c->boxes[i].name, c->name) == 0)
			c->boxes[i].known = 0;
}

/* What is below one that has another name has another name, too. */
static void
below(struct storm_client *c, const char *old, const char *name)
{
	struct storm_box	*b;
	char			 text[160];
	size_t			 i, n = strlen(old);

	for (i = 0; i < c->nboxes; i++) {
		b = &c->boxes[i];
		if (strncmp(b->name, old, n) != 0 || b->name[n] != '/')
			continue;
		snprintf(text, sizeof(text), "%s%s", name, b->name + n);
		snprintf(b->name, sizeof(b->name), "%.63s", text);
	}
}

/* A name is there, or not, or was another: (attributes) "/" name (old). */
static void
list(struct storm_client *c, struct span s)
{
	struct storm_box	*b, was = { .known = 0 };
	struct span		 attributes, word, name;
	char			 text[64], more[64], old[64];
	int			 n = 0;

	(void)span_split(&s, ')', &attributes);
	(void)span_split(&s, ' ', &word);
	(void)span_split(&s, ' ', &word);
	(void)span_split(&s, ' ', &name);
	snprintf(text, sizeof(text), "%.*s", (int)name.n, (const char *)name.p);
	snprintf(more, sizeof(more), "%.*s", (int)s.n, (const char *)s.p);
	if (sscanf(more, "(\"OLDNAME\" (%60[^)]", old) == 1) {
		if ((b = find(c, old)) != NULL)
			was = *b;
		drop(c, old);
		below(c, old, text);
		n = 1;
	}
	snprintf(old, sizeof(old), "%.*s", (int)attributes.n,
	    (const char *)attributes.p);
	if (strstr(old, "\\NonExistent") != NULL ||
	    strstr(old, "\\Noselect") != NULL)
		drop(c, text);
	else if ((b = make(c, text)) != NULL && n) {
		*b = was;
		snprintf(b->name, sizeof(b->name), "%s", text);
	}
}

void
storm_watch_untagged(struct storm_client *c, struct span s)
{
	if (span_caseprefix(s, "* STATUS "))
		status(c, span_of(s.p + 9, s.n - 9));
	else if (span_caseprefix(s, "* LIST "))
		list(c, span_of(s.p + 7, s.n - 7));
	else if (span_caseprefix(s, "* OK [NOTIFICATIONOVERFLOW"))
		c->notified = 2;
}

/* ---- when all stands still ----------------------------------------------------- */

void
storm_watched(struct storm_client *c, const struct told *t, const char *name)
{
	struct storm_box	*b;
	uint32_t		 i, unseen = 0;
	char			 text[256];

	if (c->notified != 1 || c->fd == -1)
		return;
	if ((b = find(c, name)) == NULL) {
		storm_bad(c, "it was not told of a mailbox", span_str(name));
		return;
	}
	if (c->told.selected && c->told.uidvalidity == t->uidvalidity)
		return;
	for (i = 0; i < t->n; i++)
		unseen += (t->m[i].flags & TOLD_SEEN) == 0;
	snprintf(text, sizeof(text), "%s: UIDVALIDITY %u, %u messages, UIDNEXT "
	    "%u, %u unseen, HIGHESTMODSEQ %llu; it is %u, %u, %u, %u, %llu",
	    name, b->uidvalidity, b->messages, b->uidnext, b->unseen,
	    (unsigned long long)b->highest, t->uidvalidity, t->n, t->uidnext,
	    unseen, (unsigned long long)t->highest);
	if (b->known && (b->messages != t->n || b->uidnext != t->uidnext ||
	    b->unseen != unseen || (b->uidvalidity != 0 &&
	    b->uidvalidity != t->uidvalidity) ||
	    (b->highest != 0 && b->highest != t->highest)))
		storm_bad(c, "not told by NOTIFY", span_str(text));
}

void
storm_watched_all(struct storm_client *c)
{
	struct storm	*s = c->storm;
	size_t		 i, k;

	if (c->notified != 1 || c->fd == -1)
		return;
	for (i = 0; i < c->nboxes; i++) {
		for (k = 0; k < s->nboxes; k++)
			if (strcmp(c->boxes[i].name, s->boxes[k]) == 0)
				break;
		if (k == s->nboxes)
			storm_bad(c, "it was not told that it is gone",
			    span_str(c->boxes[i].name));
	}
}
