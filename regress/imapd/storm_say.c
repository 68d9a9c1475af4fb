/*
 * What a client of a storm says: anything that it may say now.  See storm.h.
 */
#include <stdio.h>
#include <string.h>

#include "storm.h"

#define BOX_MANY	300	/* messages: then some are removed */
#define KEEP_MAX	1500	/* messages sent to it */
#define RING_MAX	200

static const char *const free_boxes[] = { "INBOX", "INBOX", "INBOX", "Box0",
    "Box1", "Box2", "Box3", "Box1/sub", "Archive" };

/* A guest's own. */
static const char *const own_boxes[] = { "INBOX", "INBOX", "Archive", "Own" };

const char *
storm_free_box(struct storm *s)
{
	return (free_boxes[storm_pick(s, nitems(free_boxes))]);
}

static const char *
any_box(struct storm *s)
{
	static const char *const special[] = { "Keep", "RingA", "RingB" };

	if (storm_pick(s, 4) > 0)
		return (storm_free_box(s));
	return (special[storm_pick(s, nitems(special))]);
}

/* A guest has other ones as well, where anything may happen. */
static uint32_t
own(struct storm_client *c, const char **name)
{
	if (!c->guest || storm_pick(c->storm, 3) > 0)
		return (0);
	*name = own_boxes[storm_pick(c->storm, nitems(own_boxes))];
	return (STORM_GUEST);
}

/* A set of numbers of messages that it has, or of UIDs. */
static void
some(struct storm_client *c, int uid, uint32_t *lo, uint32_t *hi)
{
	struct storm		*s = c->storm;
	const struct told	*t = &c->told;
	uint32_t		 tmp;

	*lo = 1 + storm_pick(s, t->n);
	*hi = storm_pick(s, 4) == 0 ? 1 + storm_pick(s, t->n) : *lo;
	if (*hi < *lo) {
		tmp = *lo;
		*lo = *hi;
		*hi = tmp;
	}
	if (t->n > BOX_MANY / 2 && *hi > *lo + 5)
		*hi = *lo + 5;
	if (uid) {
		*lo = t->m[*lo - 1].uid != 0 ? t->m[*lo - 1].uid : *lo;
		*hi = t->m[*hi - 1].uid > *lo ? t->m[*hi - 1].uid : *lo;
	}
}

static void
flag_list(struct storm_client *c, char *text, size_t max, uint32_t *bits)
{
	static const char *const names[] = { "\\Seen", "\\Flagged",
	    "\\Deleted", "\\Answered", "\\Draft", "$k0", "$k1", "$k2" };
	struct storm	*s = c->storm;
	unsigned	 n = 1 + storm_pick(s, 2);
	const char	*f;

	*bits = 0;
	text[0] = '\0';
	while (n-- > 0) {
		f = names[storm_pick(s, nitems(names))];
		if (strcmp(f, "\\Deleted") == 0 &&
		    world_role(c->name) != WORLD_FREE)
			continue;
		*bits |= told_flag(span_str(f));
		snprintf(text + strlen(text), max - strlen(text), "%s%s",
		    text[0] == '\0' ? "" : " ", f);
	}
}

/* ---- commands --------------------------------------------------------------- */

static void
append(struct storm_client *c)
{
	struct storm		*s = c->storm;
	struct world		*w = &s->world;
	struct buf		 b = { 0 }, m = { 0 };
	const char		*to = any_box(s);
	enum world_role		 role;
	struct storm_cmd	*q;
	uint32_t		 other = own(c, &to);
	unsigned		 i, n = storm_pick(s, 4) == 0 ? 3 : 1;

	role = world_role(to);
	if (w->next + n >= WORLD_NUMBERS || (role == WORLD_KEEP &&
	    s->nrole[role] > KEEP_MAX) || (role == WORLD_RING &&
	    s->nrole[role] > RING_MAX))
		return;
	(void)buf_addf(&b, "APPEND %s", storm_name(c, other, to));
	for (i = 0; i < n; i++) {
		w->role[w->next + i] = (uint8_t)role;
		buf_reset(&m);
		(void)buf_addf(&m, "Subject: n%u\r\nFrom: a@b\r\n\r\n"
		    "text %*u\r\n", w->next + i, 1 + (int)storm_pick(s,
		    storm_pick(s, 20) == 0 ? 100000 : 50), w->next + i);
		(void)buf_addf(&b, " %s{%zu+}\r\n", storm_pick(s, 3) == 0 ?
		    "(\\Seen $k1) " : "", m.n);
		(void)buf_add_span(&b, span_buf(&m));
	}
	q = storm_say(c, SAY_APPEND, 0, "%s", buf_cstr(&b));
	q->other = other;
	q->first = w->next;
	q->last = w->next + n - 1;
	w->next += n;
	s->nrole[role] += n;
	buf_free(&b);
	buf_free(&m);
}

static void
fetch(struct storm_client *c)
{
	static const char *const items[] = { "(UID FLAGS ENVELOPE)",
	    "(UID FLAGS BODY.PEEK[TEXT])",
	    "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
	    "(UID FLAGS BODYSTRUCTURE RFC822.SIZE INTERNALDATE)",
	    "(UID FLAGS PREVIEW BINARY.SIZE[1] BINARY.PEEK[1]<0.9>)",
	    "(UID FLAGS)", "(UID BODY[])" };
	struct storm	*s = c->storm;
	int		 uid = storm_pick(s, 2) == 0 || c->uids;
	uint32_t	 lo, hi;

	if (storm_pick(s, 8) == 0) {
		storm_say(c, SAY_ANY, 0, "UID FETCH 1:* (UID FLAGS) "
		    "(PARTIAL -1:-%u)", 1 + storm_pick(s, 20));
		return;
	}
	if (storm_pick(s, 4) == 0) {
		storm_say(c, SAY_ANY, !uid, "%sFETCH 1:* (UID FLAGS%s)", uid ?
		    "UID " : "", c->kind == KIND_PLAIN ? "" : " MODSEQ");
		return;
	}
	some(c, uid, &lo, &hi);
	storm_say(c, SAY_ANY, !uid, "%sFETCH %u:%u %s", uid ? "UID " : "", lo,
	    hi, items[storm_pick(s, nitems(items) -
	    (unsigned)c->watches)]);
}

/* A new message in the place of one. */
static void
replace(struct storm_client *c)
{
	struct storm		*s = c->storm;
	struct world		*w = &s->world;
	struct storm_cmd	*q;
	int			 uid = storm_pick(s, 2) == 0 || c->uids;
	const char		*to = storm_free_box(s);
	uint32_t		 lo, hi, other = own(c, &to);
	char			 text[64];

	if (world_role(c->name) != WORLD_FREE || w->next >= WORLD_NUMBERS)
		return;
	some(c, uid, &lo, &hi);
	snprintf(text, sizeof(text), "Subject: n%u\r\n\r\ntext %u\r\n",
	    w->next, w->next);
	q = storm_say(c, SAY_APPEND, 0, "%sREPLACE %u %s {%zu+}\r\n%s", uid ?
	    "UID " : "", lo, storm_name(c, other, to), strlen(text), text);
	q->other = other;
	q->first = q->last = w->next++;
}

/* What it does to the model: only what no other command comes before. */
static void
apply(struct told_msg *m, int how, uint32_t bits)
{
	if (how == 0)
		m->flags = bits;
	else if (how == 1)
		m->flags |= bits;
	else
		m->flags &= ~bits;
}

static void
store(struct storm_client *c)
{
	static const char *const hows[] = { "", "+", "-" };
	struct storm	*s = c->storm;
	struct told	*t = &c->told;
	struct storm_cmd *q;
	char		 text[64], since[48] = "";
	uint32_t	 lo, hi, bits, i;
	int		 how = (int)storm_pick(s, 3), uid, silent;

	silent = c->nqueue == 0 && !c->readonly && !c->uids && !c->guest &&
	    storm_pick(s, 3) == 0;
	uid = !silent && (storm_pick(s, 2) == 0 || c->uids);
	some(c, uid, &lo, &hi);
	flag_list(c, text, sizeof(text), &bits);
	if (!silent && c->kind != KIND_PLAIN && storm_pick(s, 3) == 0)
		snprintf(since, sizeof(since), "(UNCHANGEDSINCE %llu) ",
		    (unsigned long long)t->highest + storm_pick(s, 100));
	q = storm_say(c, SAY_ANY, !uid, "%sSTORE %u:%u %s%sFLAGS%s (%s)",
	    uid ? "UID " : "", lo, hi, since, hows[how], silent ? ".SILENT" :
	    "", text);
	if (silent) {
		q->silent_lo = lo;
		q->silent_hi = hi;
	}
	for (i = lo; silent && i <= hi; i++)
		if (t->m[i - 1].known)
			apply(&t->m[i - 1], how, bits);
}

static void
expunge(struct storm_client *c)
{
	uint32_t	 lo, hi;

	if (storm_pick(c->storm, 3) > 0) {
		storm_say(c, SAY_ANY, 0, "EXPUNGE");
		return;
	}
	some(c, 1, &lo, &hi);
	storm_say(c, SAY_ANY, 0, "UID EXPUNGE %u:%u", lo, hi + 10);
}

static void
search(struct storm_client *c)
{
	static const char *const keys[] = { "BODY text UNSEEN", "DELETED",
	    "RETURN (SAVE) FLAGGED", "RETURN (MIN MAX COUNT ALL) KEYWORD $k1",
	    "SUBJECT n1", "OR RECENT NEW", "RETURN (PARTIAL 1:5 MIN) UNSEEN",
	    "RETURN (PARTIAL -1:-7) ALL", "TEXT \"n7\"", "1:* UNDELETED" };
	static const char *const orders[] = {
	    "SORT (REVERSE SUBJECT) UTF-8 ALL",
	    "SORT RETURN (PARTIAL 1:3) (SIZE FROM) UTF-8 UNDELETED",
	    "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 SEEN",
	    "SORT RETURN (COUNT MAX) (ARRIVAL) US-ASCII BODY text" };
	struct storm	*s = c->storm;
	const char	*key;
	int		 uid = storm_pick(s, 2) == 0 || c->uids;

	if (storm_pick(s, 10) == 0)
		storm_say(c, SAY_ANY, 0, "ESEARCH IN (personal) RETURN (MIN "
		    "COUNT ALL) UNSEEN BODY text");
	else if (storm_pick(s, 3) == 0)
		storm_say(c, SAY_ANY, !uid, "%s%s", uid ? "UID " : "",
		    orders[storm_pick(s, nitems(orders))]);
	else if (c->kind != KIND_PLAIN && storm_pick(s, 4) == 0)
		storm_say(c, SAY_ANY, !uid, "%sSEARCH MODSEQ %llu", uid ?
		    "UID " : "", (unsigned long long)c->told.highest);
	else {
		key = keys[storm_pick(s, nitems(keys) - (unsigned)c->uids)];
		storm_say(c, SAY_ANY, !uid || key[0] == '1', "%sSEARCH %s",
		    uid ? "UID " : "", key);
	}
}

/* From a ring to the other; elsewhere to anywhere that is free. */
static void
copy(struct storm_client *c)
{
	struct storm	*s = c->storm;
	enum world_role	 role = world_role(c->name);
	const char	*to = storm_free_box(s);
	int		 move, uid = storm_pick(s, 2) == 0 || c->uids;
	uint32_t	 lo, hi, other = own(c, &to);

	move = role != WORLD_KEEP && storm_pick(s, 2) == 0;
	if (move && role == WORLD_RING) {
		to = strcmp(c->name, "RingA") == 0 ? "RingB" : "RingA";
		other = 0;
	}
	some(c, uid, &lo, &hi);
	storm_say(c, SAY_COPY, 0, "%s%s %u:%u %s", uid ? "UID " : "", move ?
	    "MOVE" : "COPY", lo, hi, storm_name(c, other, to))->other = other;
}

static void
noop(struct storm_client *c)
{
	storm_say(c, SAY_ANY, 0, c->told.selected &&
	    storm_pick(c->storm, 4) == 0 ? "CHECK" :
	    "NOOP");
}

static void
mailboxes(struct storm_client *c)
{
	struct storm	*s = c->storm;
	const char	*x = storm_free_box(s), *y = storm_free_box(s);
	uint32_t	 ox = own(c, &x), oy = own(c, &y);
	const char	*a = storm_name(c, ox, x), *b = storm_name(c, oy, y);

	switch (c->watches ? 5 + storm_pick(s, 2) : storm_pick(s, 7)) {
	case 0:
	case 1:
		storm_say(c, SAY_ANY, 0, "CREATE %s", a);
		break;
	case 2:
		if (strcmp(x, "INBOX") == 0 || c->nqueue > 0)
			break;
		c->lone = 1;	/* it may be the one that is selected */
		storm_say(c, SAY_ANY, 0, "DELETE %s", a);
		break;
	case 3:
		if (strcmp(x, "INBOX") == 0 && (c->nqueue > 0 ||
		    storm_pick(s, 5) > 0))
			break;
		c->lone = strcmp(x, "INBOX") == 0;	/* as above */
		storm_say(c, SAY_ANY, 0, "RENAME %s %s", a, b);
		break;
	case 4:
		storm_say(c, SAY_ANY, 0, "SETMETADATA %s (/%s/comment "
		    "\"%u\")", a, c->guest ? "shared" : "private",
		    storm_pick(s, 1000));
		break;
	case 5:
		if (c->told.selected && storm_pick(s, 2) == 0) {
			storm_say(c, SAY_ANY, 0, "UIDBATCHES 500");
			break;
		}
		storm_say(c, SAY_ANY, 0, "LIST \"\" * RETURN (STATUS (MESSAGES "
		    "UIDNEXT UNSEEN HIGHESTMODSEQ SIZE))");
		break;
	default:
		storm_say(c, SAY_ANY, 0, "STATUS %s (MESSAGES RECENT UIDNEXT "
		    "UNSEEN DELETED)", a);
		break;
	}
}

/* With what it kept: all of it, some, a few pairs to be sure. */
static void
qresync(struct storm_client *c, struct buf *b)
{
	struct storm		*s = c->storm;
	const struct told	*t = &c->told;
	uint32_t		 last, mid;

	(void)buf_addf(b, " (QRESYNC (%u %llu", c->kept_validity & ~STORM_GUEST,
	    (unsigned long long)c->kept_modseq);
	if (t->nkept > 0 && storm_pick(s, 2) == 0)
		(void)buf_addf(b, " 1:%u", UINT32_MAX);
	if (t->nkept > 0 && storm_pick(s, 3) == 0 && !c->uidonly) {
		last = t->nkept;
		mid = (last + 1) / 2;
		if (mid < last)
			(void)buf_addf(b, " (%u,%u %u,%u)", mid, last,
			    t->kept[mid - 1].uid, t->kept[last - 1].uid);
		else
			(void)buf_addf(b, " (%u %u)", last,
			    t->kept[last - 1].uid);
	}
	(void)buf_adds(b, "))");
}

static const char *
kept_name(const struct storm_client *c)
{
	const struct world	*w = &c->storm->world;
	size_t			 i;

	for (i = 0; i < w->nboxes; i++)
		if (w->boxes[i].uidvalidity == c->kept_validity)
			return (w->boxes[i].name);
	return (NULL);
}

/* With NOTIFY it is told of the old one until that is closed. */
static void
enter(struct storm_client *c)
{
	int	 resync = c->kept_validity != 0 && c->kind != KIND_PLAIN;

	if (c->notified && c->told.selected) {
		c->told.opening = TOLD_OPENING | (resync ? TOLD_RESYNC : 0);
		return;
	}
	told_closed(&c->told);
	c->other = c->chosen;
	c->told.selected = 1;
	c->told.resyncing = resync;
}

static void
choose(struct storm_client *c)
{
	struct storm	*s = c->storm;
	struct buf	 b = { 0 };
	const char	*name = NULL;

	c->chosen = c->kept_validity & STORM_GUEST;
	if (c->kept_validity != 0 && storm_pick(s, 5) > 0)
		name = kept_name(c);
	if (name == NULL) {
		name = any_box(s);
		c->chosen = own(c, &name);
	}
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->readonly = storm_pick(s, 10) == 0;
	(void)buf_addf(&b, "%s %s", c->readonly ? "EXAMINE" : "SELECT",
	    storm_name(c, c->chosen, name));
	c->readonly |= c->guest;	/* until it is told */
	c->resync = c->kind == KIND_QRESYNC && c->kept_validity != 0;
	if (c->kind == KIND_CONDSTORE) {
		(void)buf_adds(&b, " (CONDSTORE)");
		c->told.condstore = 1;
	} else if (c->resync)
		qresync(c, &b);
	c->session = ++s->sessions;
	c->lone = 1;
	enter(c);
	storm_say(c, SAY_SELECT, 0, "%s", buf_cstr(&b));
	buf_free(&b);
}

/* What nothing else is said beside. */
static void
alone(struct storm_client *c)
{
	struct storm	*s = c->storm;

	if (c->nqueue > 0)
		return;
	switch (storm_pick(s, 12)) {
	case 0:
	case 1:
	case 2:
		c->idle = 1;
		c->lone = 1;
		storm_say(c, SAY_IDLE, 0, "IDLE");
		break;
	case 3:
	case 4:
		if (c->compressed)
			break;
		c->lone = 1;
		storm_say(c, SAY_COMPRESS, 0, "COMPRESS DEFLATE");
		break;
	case 5:
		if (!c->told.selected)
			break;
		c->lone = 1;
		storm_say(c, SAY_CLOSE, 0, storm_pick(s, 2) == 0 &&
		    !c->watches ? "CLOSE" : "UNSELECT");
		break;
	case 6:
		c->lone = 1;
		c->leaving = 1;
		storm_say(c, SAY_LOGOUT, 0, "LOGOUT");
		break;
	case 7:
	case 8:
		choose(c);
		break;
	default:
		break;
	}
}

/* In the middle of anything. */
static void
leave(struct storm_client *c)
{
	if (storm_pick(c->storm, 3) == 0)
		c->storm->net->turn(0);
	if (storm_pick(c->storm, 2) == 0)
		storm_receive(c);
	storm_disconnect(c);
}

static const struct {
	unsigned	 of100;
	int		 selected;	/* with a message in it */
	int		 changes;
	void		(*run)(struct storm_client *);
} sayings[] = {
	{ 12, 0, 1, append },
	{ 2, 1, 1, replace },
	{ 18, 1, 0, fetch },
	{ 18, 1, 1, store },
	{ 7, 1, 1, expunge },
	{ 7, 1, 0, search },
	{ 11, 1, 1, copy },
	{ 10, 0, 0, noop },
	{ 5, 0, 0, mailboxes },
	{ 8, 0, 0, alone },
	{ 2, 0, 0, leave },
};

/* Much of what is there. */
static void
clear(struct storm_client *c)
{
	const struct told	*t = &c->told;
	uint32_t		 lo = 1 + storm_pick(c->storm, t->n / 2);

	if (!c->uids)
		storm_say(c, SAY_ANY, 1, "STORE %u:%u +FLAGS (\\Deleted)", lo,
		    t->n);
	else if (t->m[lo].uid != 0)
		storm_say(c, SAY_ANY, 0, "UID STORE %u:* +FLAGS (\\Deleted)",
		    t->m[lo].uid);
}

/* What a connection begins with: 1 that is said now. */
static int
begin(struct storm_client *c)
{
	if ((c->kind == KIND_QRESYNC || c->uidonly || c->watches) &&
	    !c->enabled) {
		c->lone = 1;
		storm_say(c, SAY_ENABLE, 0, "ENABLE%s%s%s", c->kind ==
		    KIND_QRESYNC ? " QRESYNC" : "", c->uidonly ? " UIDONLY" :
		    "", c->watches ? " CONDSTORE" : "");
		return (1);
	}
	if (c->notify == NOTIFY_NOT || c->notified != 0)
		return (0);
	storm_watch(c);
	return (1);
}

void
storm_anything(struct storm_client *c)
{
	struct storm	*s = c->storm;
	unsigned	 roll = storm_pick(s, 100);
	size_t		 i;

	if (begin(c))
		return;
	if (!c->told.selected && c->nqueue == 0 && storm_pick(s, 3) > 0) {
		choose(c);
		return;
	}
	if (c->told.n > BOX_MANY && world_role(c->name) == WORLD_FREE &&
	    !c->watches && storm_pick(s, 10) == 0) {
		clear(c);
		return;
	}
	if (c->i == 0 && storm_pick(s, 15) == 0) {
		storm_grant(c, any_box(s), 0);
		return;
	}
	for (i = 0; i + 1 < nitems(sayings) && roll >= sayings[i].of100; i++)
		roll -= sayings[i].of100;
	if ((!sayings[i].selected || (c->told.selected && c->told.n > 0)) &&
	    (!sayings[i].changes || !c->watches))
		sayings[i].run(c);
}
