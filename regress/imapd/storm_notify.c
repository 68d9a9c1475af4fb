/*
 * One who watches is told of all mailboxes of the account (RFC 5465), a guest of
 * what is shared with it, too: what it knows by that, and that it is so when all
 * stands still.  It changes nothing itself, since it would not be told.  See
 * storm.h.
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

/* A word, or what stands between quotes. */
static void
word(struct span *s, char *to, size_t max)
{
	struct span	 w;
	int		 quoted = s->n > 0 && s->p[0] == '"';

	if (quoted)
		*s = span_of(s->p + 1, s->n - 1);
	(void)span_split(s, quoted ? '"' : ' ', &w);
	if (quoted && s->n > 0)
		*s = span_of(s->p + 1, s->n - 1);
	snprintf(to, max, "%.*s", (int)w.n, (const char *)w.p);
}

/* What the server calls a mailbox of which the client says storm_name(). */
static void
called(const struct storm_client *c, uint32_t other, const char *name,
    char *to, size_t max)
{
	struct span	 s = span_str(storm_name(c, other, name));

	if (s.n > 0)
		word(&s, to, max);
	else
		to[0] = '\0';
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
	    " MailboxName))%s", how, c->guest ? " (subtree \"Other Users\" ("
	    MESSAGES " MailboxName))" : "");
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

	word(&s, text, sizeof(text));
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
	char	 name[64];
	size_t	 i;

	called(c, c->chosen, c->name, name, sizeof(name));
	for (i = 0; c->told.selected && i < c->nboxes; i++)
		if (c->boxes[i].uidvalidity == c->told.uidvalidity ||
		    strcmp(c->boxes[i].name, name) == 0)
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
	struct span		 attributes, skip;
	char			 text[64], more[160], old[64];
	int			 n = 0;

	(void)span_split(&s, ')', &attributes);
	(void)span_split(&s, ' ', &skip);
	(void)span_split(&s, ' ', &skip);
	word(&s, text, sizeof(text));
	snprintf(more, sizeof(more), "%.*s", (int)s.n, (const char *)s.p);
	if (sscanf(more, "(\"OLDNAME\" (\"%60[^\"]", old) == 1 ||
	    sscanf(more, "(\"OLDNAME\" (%60[^)]", old) == 1) {
		if ((b = find(c, old)) != NULL)
			was = *b;
		drop(c, old);
		below(c, old, text);
		n = 1;
	}
	snprintf(old, sizeof(old), "%.*s", (int)attributes.n,
	    (const char *)attributes.p);
	/* without r it is not told any more */
	if (strstr(old, "\\NonExistent") != NULL ||
	    strstr(old, "\\Noselect") != NULL ||
	    strstr(old, "\\NoAccess") != NULL)
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
storm_watched(struct storm_client *c, const struct storm_client *fresh,
    const char *inner)
{
	const struct told	*t = &fresh->told;
	struct storm_box	*b;
	uint32_t		 i, unseen = 0;
	char			 text[256], name[64];

	if (c->notified != 1 || c->fd == -1)
		return;
	called(c, fresh->other, inner, name, sizeof(name));
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
	    /* SETMETADATA takes one, and is no event of messages */
	    b->highest > t->highest))
		storm_bad(c, "not told by NOTIFY", span_str(text));
}

/* Is there such a one, for the owner or the guest? */
static int
is_there(const struct storm_client *c, const char *name)
{
	const struct storm	*s = c->storm;
	char			 text[64];
	size_t			 i;

	for (i = 0; i < s->nboxes; i++) {
		called(c, 0, s->boxes[i], text, sizeof(text));
		if (strcmp(name, text) == 0 && (!c->guest ||
		    (s->listed >> i & 1) != 0))
			return (1);
	}
	for (i = 0; c->guest && i < s->nown; i++)
		if (strcmp(name, s->own[i]) == 0)
			return (1);
	return (0);
}

/* A guest is told of those that it may read, if it knew them by more than
 * their names. */
void
storm_watched_all(struct storm_client *c)
{
	size_t	 i;

	if (c->notified != 1 || c->fd == -1)
		return;
	for (i = 0; i < c->nboxes; i++)
		if ((!c->guest || c->boxes[i].known) &&
		    !is_there(c, c->boxes[i].name))
			storm_bad(c, "it was not told that it is gone",
			    span_str(c->boxes[i].name));
}
