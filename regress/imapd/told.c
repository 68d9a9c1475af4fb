/*
 * A client's model of its mailbox.  See told.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "told.h"

#define COUNT_MAX	1000000

static int	 whole(struct told *, size_t *);
static void	 response(struct told *, struct span);
static void	 untagged(struct told *, struct span);
static void	 code(struct told *, struct span);
static void	 exists(struct told *, uint64_t, struct span);
static void	 expunge(struct told *, uint64_t, struct span);
static void	 vanished(struct told *, struct span, struct span, int);
static void	 fetch(struct told *, uint64_t, struct span, struct span);
static void	 uidfetch(struct told *, uint64_t, struct span, struct span);
static void	 take_items(struct told *, struct told_msg *, uint32_t,
		    struct span, struct span);
static int	 item(struct span *, struct span *, struct span *);
static int	 value(struct span *, struct span *);
static int	 literal(struct span *, struct span *);

static int
grow(struct told_msg **m, size_t *cap, size_t n)
{
	struct told_msg	*nv;
	size_t		 k = *cap == 0 ? 64 : *cap;

	if (n <= *cap)
		return (0);
	while (k < n)
		k *= 2;
	if ((nv = reallocarray(*m, k, sizeof(*nv))) == NULL)
		return (-1);
	*m = nv;
	*cap = k;
	return (0);
}

/* ---- from octets to responses -------------------------------------------- */

/* The octets of a literal that a line ends with, -1: it ends with none. */
static int64_t
ends_with_literal(const uint8_t *p, size_t n)
{
	uint64_t	 v;
	size_t		 i = n;

	if (n < 5 || memcmp(p + n - 3, "}\r\n", 3) != 0)
		return (-1);
	for (i = n - 3; i > 0 && p[i - 1] >= '0' && p[i - 1] <= '9'; i--)
		continue;
	if (i == 0 || p[i - 1] != '{' || span_num(span_of(p + i, n - 3 - i),
	    INT64_MAX, &v) == -1)
		return (-1);
	return ((int64_t)v);
}

/* Is there a whole response in front?  Its octets. */
static int
whole(struct told *t, size_t *len)
{
	const uint8_t	*nl;
	int64_t		 lit;
	size_t		 at = t->looked;

	for (;;) {
		if (at >= t->in.n || (nl = memchr(t->in.p + at, '\n',
		    t->in.n - at)) == NULL)
			return (0);
		*len = (size_t)(nl - t->in.p) + 1;
		if ((lit = ends_with_literal(t->in.p + at, *len - at)) == -1)
			return (1);
		if ((uint64_t)lit > t->in.n - *len)
			return (0);
		at = t->looked = *len + (size_t)lit;
	}
}

void
told_take(struct told *t, const void *p, size_t n)
{
	struct buf	 r = { 0 };
	size_t		 len;

	(void)buf_add(&t->in, p, n);
	while (whole(t, &len)) {
		t->looked = 0;
		buf_reset(&r);
		(void)buf_add(&r, t->in.p, len);
		buf_drain(&t->in, len);
		if (len < 2 || r.p[len - 2] != '\r')
			t->bad(t, "a bare LF", span_buf(&r));
		else
			response(t, span_of(r.p, len - 2));
	}
	buf_free(&r);
}

/* OK to CLOSE or UNSELECT, with a response code or without. */
static int
is_end(struct span s)
{
	struct span	 word;

	if (!span_caseprefix(s, "OK "))
		return (0);
	(void)span_split(&s, ' ', &word);
	if (s.n > 0 && s.p[0] == '[') {
		(void)span_split(&s, ']', &word);
		(void)span_split(&s, ' ', &word);
	}
	return (span_caseprefix(s, "CLOSE ") || span_caseprefix(s,
	    "UNSELECT "));
}

static void
response(struct told *t, struct span s)
{
	struct span	 tag;

	if (s.n >= 2 && memcmp(s.p, "* ", 2) == 0) {
		untagged(t, span_of(s.p + 2, s.n - 2));
		if (t->untagged != NULL)
			t->untagged(t, s);
		return;
	}
	if (s.n >= 1 && s.p[0] == '+') {
		if (t->untagged != NULL)
			t->untagged(t, s);
		return;
	}
	if (span_split(&s, ' ', &tag) != 1) {
		t->bad(t, "neither tagged nor untagged", tag);
		return;
	}
	if (s.n > 4 && s.p[3] == '[')
		code(t, span_of(s.p + 4, s.n - 4));
	if (is_end(s))
		told_closed(t);
	if (!t->coded && t->items > t->held)
		t->held = t->items;
	t->items = 0;
	t->coded = 0;
	if (t->tagged != NULL)
		t->tagged(t, tag, s);
}

static void
untagged(struct told *t, struct span s)
{
	struct span	 all = s, word, rest;
	uint64_t	 n;

	if (span_caseprefix(s, "VANISHED (EARLIER) ")) {
		vanished(t, span_of(s.p + 19, s.n - 19), all, 1);
		return;
	}
	if (span_caseprefix(s, "VANISHED ")) {
		vanished(t, span_of(s.p + 9, s.n - 9), all, 0);
		return;
	}
	if (span_caseprefix(s, "OK [")) {
		code(t, span_of(s.p + 4, s.n - 4));
		return;
	}
	if (span_caseprefix(s, "BYE"))
		t->bye = 1;
	(void)span_split(&s, ' ', &word);
	while (span_eqs(word, "ENABLED") && s.n > 0) {
		(void)span_split(&s, ' ', &rest);
		t->uidonly |= span_eqs(rest, "UIDONLY");
	}
	if (span_num(word, UINT32_MAX, &n) == -1)
		return;
	rest = s;
	(void)span_split(&s, ' ', &word);
	if (span_eqs(word, "EXISTS"))
		exists(t, n, all);
	else if (span_eqs(word, "EXPUNGE"))
		expunge(t, n, all);
	else if (span_eqs(word, "FETCH"))
		fetch(t, n, s, all);
	else if (span_eqs(word, "UIDFETCH"))
		uidfetch(t, n, s, all);
	else if (!span_eqs(word, "RECENT"))
		t->bad(t, "a number and what?", rest);
}

/* Behind the "[". */
static void
code(struct told *t, struct span s)
{
	struct span	 name;
	uint64_t	 n;
	size_t		 i;

	for (i = 0; i < s.n && s.p[i] != ' ' && s.p[i] != ']'; i++)
		continue;
	name = span_of(s.p, i);
	if (span_eqs(name, "CLOSED")) {
		i = (size_t)t->opening;
		told_closed(t);
		t->selected = i != 0;
		t->resyncing |= (i & TOLD_RESYNC) != 0;
		return;
	}
	s = span_of(s.p + i, s.n - i);
	for (i = 1; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		continue;
	if (i == 1 || s.n == 0 || span_num(span_of(s.p + 1, i - 1), INT64_MAX,
	    &n) == -1)
		return;
	if (span_eqs(name, "UIDVALIDITY"))
		t->uidvalidity = (uint32_t)n;
	else if (span_eqs(name, "UIDNEXT"))
		t->uidnext = (uint32_t)n;
	else if (span_eqs(name, "HIGHESTMODSEQ")) {
		if (n < t->highest && !t->quiet)
			t->bad(t, "HIGHESTMODSEQ falls", name);
		if (n > t->highest)
			t->highest = n;
		t->held = n;
		t->coded = 1;
	}
}

/* ---- the model ------------------------------------------------------------- */

void
told_closed(struct told *t)
{
	t->n = 0;
	t->highest = t->held = t->items = 0;
	t->uidvalidity = t->uidnext = t->since = 0;
	t->selected = t->opening = 0;
}

void
told_again(struct told *t)
{
	told_closed(t);
	t->bye = t->qresync = t->condstore = t->quiet = t->resyncing = 0;
	t->uidonly = 0;
	buf_free(&t->in);
	t->looked = 0;
}

void
told_free(struct told *t)
{
	free(t->m);
	free(t->kept);
	buf_free(&t->in);
	t->m = t->kept = NULL;
	t->cap = t->capkept = 0;
	t->n = t->nkept = 0;
}

static void
exists(struct told *t, uint64_t n, struct span all)
{
	if (n < t->n || n > COUNT_MAX || grow(&t->m, &t->cap, n) == -1) {
		t->bad(t, "fewer than before", all);
		return;
	}
	if (n > t->n)
		memset(t->m + t->n, 0, (n - t->n) * sizeof(*t->m));
	if (t->uidnext != 0)	/* not SELECT's own */
		t->since += (uint32_t)n - t->n;
	t->n = (uint32_t)n;
}

static void
take_out(struct told *t, uint32_t at)
{
	t->n--;
	memmove(t->m + at, t->m + at + 1, (t->n - at) * sizeof(*t->m));
	t->expunged++;
}

static void
expunge(struct told *t, uint64_t n, struct span all)
{
	if (t->uidonly || (!t->tolerant && (t->quiet || t->qresync)))
		t->bad(t, "no EXPUNGE now", all);
	if (n == 0 || n > t->n)
		t->bad(t, "no such number", all);
	else
		take_out(t, (uint32_t)n - 1);
}

/* One that is not known yet; t->n: there is none. */
static uint32_t
nameless(const struct told *t)
{
	uint32_t	 i;

	for (i = 0; i < t->n && t->m[i].uid != 0; i++)
		continue;
	return (i);
}

/* By its UID, or one that is not known yet between those around it; without
 * numbers any. */
static void
gone(struct told *t, uint32_t uid, struct span all)
{
	uint32_t	 i, at = 0;

	for (i = 0; i < t->n; i++)
		if (t->m[i].uid == uid) {
			take_out(t, i);
			return;
		} else if (t->m[i].uid != 0 && t->m[i].uid < uid)
			at = i + 1;
	if (t->uidonly)
		at = nameless(t);
	if (at < t->n && t->m[at].uid == 0)
		take_out(t, at);
	else
		t->bad(t, "no such UID", all);
}

static int
next_range(struct span *s, uint64_t *lo, uint64_t *hi)
{
	struct span	 r, a;

	if (s->n == 0)
		return (0);
	(void)span_split(s, ',', &r);
	(void)span_split(&r, ':', &a);
	if (span_num(a, UINT32_MAX, lo) == -1)
		return (-1);
	*hi = *lo;
	if (r.n > 0 && span_num(r, UINT32_MAX, hi) == -1)
		return (-1);
	return (*lo == 0 || *hi < *lo ? -1 : 1);
}

int
told_in_set(struct span s, uint32_t n)
{
	uint64_t	 lo, hi;

	while (next_range(&s, &lo, &hi) == 1)
		if (n >= lo && n <= hi)
			return (1);
	return (0);
}

static void
vanished(struct told *t, struct span set, struct span all, int earlier)
{
	uint64_t	 lo, hi;
	uint32_t	 i, k;
	int		 rc;

	if (!t->tolerant && ((!t->qresync && !t->uidonly) ||
	    (!earlier && t->quiet)))
		t->bad(t, "no VANISHED now", all);
	while ((rc = next_range(&set, &lo, &hi)) == 1) {
		for (i = k = 0; t->resyncing && i < t->nkept; i++)
			if (t->kept[i].uid < lo || t->kept[i].uid > hi)
				t->kept[k++] = t->kept[i];
		if (t->resyncing) {
			t->vanished += t->nkept - k;
			t->nkept = k;
		}
		for (i = 0; earlier && i < t->n; i++)
			if (t->m[i].uid >= lo && t->m[i].uid <= hi)
				t->bad(t, "what is there is no earlier one",
				    all);
		for (; !earlier && lo <= hi; lo++)
			gone(t, (uint32_t)lo, all);
	}
	if (rc == -1)
		t->bad(t, "no set", all);
}

/* ---- FETCH ------------------------------------------------------------------ */

static int
literal(struct span *s, struct span *v)
{
	struct span	 head;
	uint64_t	 n;

	if (s->n < 4 || s->p[0] != '{' || span_split(s, '\n', &head) != 1 ||
	    head.n < 4 || span_num(span_of(head.p + 1, head.n - 3), INT64_MAX,
	    &n) == -1)
		return (-1);
	return (span_take(s, n, v));
}

/* A quoted string, a literal, a list, an atom. */
static int
value(struct span *s, struct span *v)
{
	struct span	 in, lit;
	size_t		 i = 0;
	int		 depth = 0;

	if (s->n > 0 && s->p[0] == '{')
		return (literal(s, v));
	for (; i < s->n; i++) {
		if (s->p[i] == '"') {
			for (i++; i < s->n && s->p[i] != '"'; i++)
				if (s->p[i] == '\\')
					i++;
		} else if (s->p[i] == '{' && depth > 0) {
			in = span_of(s->p + i, s->n - i);
			if (literal(&in, &lit) == 0)
				i = (size_t)(in.p - s->p) - 1;
		} else if (s->p[i] == '(')
			depth++;
		else if (s->p[i] == ')' && depth-- == 0)
			break;
		else if (s->p[i] == ' ' && depth == 0)
			break;
	}
	return (i > s->n ? -1 : span_take(s, i, v));
}

/* A name and its value. */
static int
item(struct span *s, struct span *name, struct span *v)
{
	size_t	 i;
	int	 in = 0;

	if (s->n > 0 && s->p[0] == ' ')
		*s = span_of(s->p + 1, s->n - 1);
	for (i = 0; i < s->n && (in || s->p[i] != ' '); i++)
		in += (s->p[i] == '[') - (s->p[i] == ']');
	if (i == 0 || span_take(s, i, name) == -1 || s->n < 2)
		return (-1);
	*s = span_of(s->p + 1, s->n - 1);
	return (value(s, v));
}

uint32_t
told_flag(struct span f)
{
	static const char *const names[] = { "\\Seen", "\\Answered",
	    "\\Flagged", "\\Deleted", "\\Draft" };
	size_t	 i;

	for (i = 0; i < nitems(names); i++)
		if (span_eqs(f, names[i]))
			return (1u << i);
	if (f.n == 3 && f.p[0] == '$' && f.p[1] == 'k' && f.p[2] >= '0' &&
	    f.p[2] <= '9')
		return (1u << (TOLD_KEYWORD + f.p[2] - '0'));
	return (span_eqs(f, "\\Recent") ? 0 : TOLD_OTHER);
}

static void
flags(struct told_msg *m, struct span v)
{
	struct span	 f;

	m->flags = 0;
	m->known = 1;
	m->recent = 0;
	if (v.n < 2)
		return;
	v = span_of(v.p + 1, v.n - 2);
	while (v.n > 0) {
		(void)span_split(&v, ' ', &f);
		m->flags |= told_flag(f);
		m->recent |= span_eqs(f, "\\Recent");
	}
}

uint32_t
told_number(struct span s)
{
	uint32_t	 n = 0;
	size_t		 i;

	for (i = 0; i + 3 < s.n; i++)
		if (memcmp(s.p + i, ": n", 3) == 0 ||
		    memcmp(s.p + i, " \"n", 3) == 0)
			break;
	for (i += 3; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + s.p[i] - '0';
	return (n);
}

/* One item of a FETCH, into what it says of the message. */
static int
told_item(struct span name, struct span v, struct told_msg *m)
{
	uint64_t	 n;

	if (span_eqs(name, "FLAGS"))
		flags(m, v);
	else if (span_eqs(name, "UID")) {
		if (span_num(v, UINT32_MAX, &n) == -1 || n == 0)
			return (-1);
		m->uid = (uint32_t)n;
	} else if (span_eqs(name, "MODSEQ")) {
		if (v.n < 3 || span_num(span_of(v.p + 1, v.n - 2), INT64_MAX,
		    &n) == -1)
			return (-1);
		m->modseq = n;
	} else if (span_eqs(name, "ENVELOPE") || span_eqs(name, "BODY[]") ||
	    span_eqs(name, "BODY[HEADER.FIELDS (SUBJECT)]") ||
	    span_eqs(name, "RFC822.HEADER"))
		m->number = told_number(v);
	return (0);
}

/* What is kept is brought up to date by UID. */
static void
keep_one(struct told *t, const struct told_msg *m)
{
	uint32_t	 i;

	if (!t->resyncing || m->uid == 0 || !m->known)
		return;
	for (i = 0; i < t->nkept && t->kept[i].uid < m->uid; i++)
		continue;
	if (i < t->nkept && t->kept[i].uid == m->uid)
		t->kept[i] = *m;
}

/* A message with this number may have that UID. */
static int
uid_fits(const struct told *t, uint32_t at, uint32_t uid)
{
	if (t->m[at].uid != 0)
		return (t->m[at].uid == uid);
	return ((at == 0 || t->m[at - 1].uid < uid) && (at + 1 >= t->n ||
	    t->m[at + 1].uid == 0 || t->m[at + 1].uid > uid));
}

static void
fetch(struct told *t, uint64_t seq, struct span s, struct span all)
{
	if (t->uidonly)
		t->bad(t, "no number now", all);
	if (seq == 0 || seq > t->n)
		t->bad(t, "no such number", all);
	else
		take_items(t, &t->m[seq - 1], 0, s, all);
}

/* One that was not known has this UID: it stands where that belongs. */
static struct told_msg *
learn(struct told *t, uint32_t uid)
{
	uint32_t	 from = nameless(t), i, to = 0;

	if (from == t->n)
		return (NULL);
	memmove(t->m + from, t->m + from + 1, (t->n - from - 1) *
	    sizeof(*t->m));
	for (i = 0; i + 1 < t->n; i++)
		if (t->m[i].uid != 0 && t->m[i].uid < uid)
			to = i + 1;
	memmove(t->m + to + 1, t->m + to, (t->n - to - 1) * sizeof(*t->m));
	memset(&t->m[to], 0, sizeof(t->m[to]));
	return (&t->m[to]);
}

/* RFC 9586: of a message that has this UID, or that may have it. */
static void
uidfetch(struct told *t, uint64_t uid, struct span s, struct span all)
{
	struct told_msg	*m;
	uint32_t	 i;

	if (!t->uidonly)
		t->bad(t, "no UIDFETCH now", all);
	for (i = 0; i < t->n && t->m[i].uid != uid; i++)
		continue;
	m = i < t->n ? &t->m[i] : learn(t, (uint32_t)uid);
	if (m != NULL)
		take_items(t, m, (uint32_t)uid, s, all);
	else
		t->bad(t, "no such UID", all);
}

/* uid: as it stands in front, or 0. */
static void
take_items(struct told *t, struct told_msg *m, uint32_t uid, struct span s,
    struct span all)
{
	struct span	 name, v;
	struct told_msg	 now = *m;

	if (uid != 0)
		now.uid = uid;
	if (s.n < 2 || s.p[0] != '(' || s.p[s.n - 1] != ')') {
		t->bad(t, "no list", all);
		return;
	}
	for (s = span_of(s.p + 1, s.n - 2); s.n > 0;)
		if (item(&s, &name, &v) == -1 ||
		    told_item(name, v, &now) == -1) {
			t->bad(t, "no item", all);
			return;
		}
	if ((uid != 0 && now.uid != uid) || (uid == 0 && now.uid != 0 &&
	    !uid_fits(t, (uint32_t)(m - t->m), now.uid)))
		t->bad(t, "another UID", all);
	if (m->number != 0 && now.number != m->number)
		t->bad(t, "another message", all);
	if (now.modseq < m->modseq)
		t->bad(t, "MODSEQ falls", all);
	if (now.modseq > t->items)
		t->items = now.modseq;
	now.recent |= m->recent;
	*m = now;
	t->fetched++;
	keep_one(t, m);
	if (t->fetch != NULL)
		t->fetch(t, m);
}

/* ---- what is kept ---------------------------------------------------------- */

int
told_keep(struct told *t)
{
	uint32_t	 i;

	for (i = 0; i < t->n; i++)
		if (t->m[i].uid == 0 || !t->m[i].known)
			return (-1);
	if (grow(&t->kept, &t->capkept, t->n) == -1)
		return (-1);
	if (t->n > 0)
		memcpy(t->kept, t->m, t->n * sizeof(*t->m));
	t->nkept = t->n;
	return (0);
}

struct told_msg *
told_kept(const struct told *t, uint32_t uid)
{
	uint32_t	 i;

	for (i = 0; i < t->nkept; i++)
		if (t->kept[i].uid == uid)
			return (&t->kept[i]);
	return (NULL);
}

/*
 * What was kept and did not vanish, and what was told, is all there is: each
 * number's UID follows.
 */
void
told_resync(struct told *t)
{
	struct told_msg	*all = NULL;
	char		 text[128];
	size_t		 cap = 0;
	uint32_t	 i, k = 0, n = 0;

	for (i = 0; i < t->nkept; i++)
		t->kept[i].recent = 0;		/* to that session */
	if (grow(&all, &cap, (size_t)t->n + t->nkept + 1) == -1)
		return;
	for (i = 0; i < t->n; i++) {
		if (t->m[i].uid == 0)
			continue;
		while (k < t->nkept && t->kept[k].uid < t->m[i].uid)
			all[n++] = t->kept[k++];
		k += k < t->nkept && t->kept[k].uid == t->m[i].uid;
		all[n++] = t->m[i];
	}
	while (k < t->nkept)
		all[n++] = t->kept[k++];
	if (n + t->since != t->n) {
		snprintf(text, sizeof(text), "SELECT: %u that were kept and "
		    "told, %u that came, EXISTS %u", n, t->since, t->n);
		t->bad(t, "what it has is not what is there", span_str(text));
	}
	for (i = 0; i < n && i < t->n; i++) {
		if (t->m[i].uid != 0 && t->m[i].uid != all[i].uid &&
		    !t->uidonly)
			t->bad(t, "a number is another's",
			    span_str("SELECT"));
		if (!t->uidonly)
			all[i].recent = t->m[i].recent;
		t->m[i] = all[i];
	}
	for (; t->uidonly && i < t->n; i++)	/* nothing is known of these */
		memset(&t->m[i], 0, sizeof(t->m[i]));
	free(all);
}

/* Without QRESYNC, all UIDs are known by now: what was not told has not
 * changed. */
void
told_flags_kept(struct told *t)
{
	const struct told_msg	*k;
	uint32_t		 i;

	for (i = 0; i < t->n; i++) {
		if (t->m[i].known)
			continue;
		if ((k = told_kept(t, t->m[i].uid)) == NULL) {
			/* unless it was on its way out */
			t->m[i].due = t->m[i].uid != 0 &&
			    t->m[i].uid < t->uidnext;
			continue;
		}
		t->m[i].flags = k->flags;
		t->m[i].known = 1;
		if (k->modseq > t->m[i].modseq)
			t->m[i].modseq = k->modseq;
	}
}
