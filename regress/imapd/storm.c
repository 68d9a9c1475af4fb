/*
 * The clients of a storm: their connections, their commands' answers.  See
 * storm.h.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

#define SHOWN	20		/* of what is wrong */
#define DRAIN	100000		/* turns */
#define BEGIN	5000		/* tries */

static void	 tagged(struct told *, struct span, struct span);
static void	 untagged(struct told *, struct span);
static void	 fetched(struct told *, struct told_msg *);
static void	 told_bad(struct told *, const char *, struct span);

/* Who takes part. */
static const struct {
	enum storm_kind		 kind;
	enum storm_notify	 notify;
	int			 guest, uidonly, watches;
} cast[STORM_CLIENTS] = {
	{ KIND_PLAIN, NOTIFY_NOT, 0, 0, 0 },	/* it gives rights as well */
	{ KIND_CONDSTORE, NOTIFY_NOT, 0, 0, 0 },
	{ KIND_QRESYNC, NOTIFY_NOT, 0, 0, 0 },
	{ KIND_PLAIN, NOTIFY_NOT, 0, 0, 0 },
	{ KIND_CONDSTORE, NOTIFY_NOT, 0, 0, 0 },
	{ KIND_QRESYNC, NOTIFY_NOT, 0, 0, 0 },
	{ KIND_PLAIN, NOTIFY_NOT, 0, 1, 0 },
	{ KIND_CONDSTORE, NOTIFY_NOT, 0, 1, 0 },
	{ KIND_QRESYNC, NOTIFY_NOT, 0, 1, 0 },
	{ KIND_CONDSTORE, NOTIFY_AT_ONCE, 0, 0, 1 },
	{ KIND_QRESYNC, NOTIFY_DELAYED, 0, 0, 0 },
	{ KIND_PLAIN, NOTIFY_NOT, 1, 0, 0 },
	{ KIND_QRESYNC, NOTIFY_NOT, 1, 0, 0 },
	{ KIND_QRESYNC, NOTIFY_DELAYED, 1, 0, 0 },
	{ KIND_CONDSTORE, NOTIFY_AT_ONCE, 1, 0, 1 },
};

uint32_t
storm_validity(const struct storm_client *c)
{
	return (c->told.uidvalidity == 0 ? 0 : c->told.uidvalidity | c->other);
}

int
storm_quiet(const struct storm_client *c)
{
	return (c->notify != NOTIFY_AT_ONCE && (c->nqueue == 0 ||
	    c->queue[0].quiet));
}

const char *
storm_name(const struct storm_client *c, uint32_t other, const char *name)
{
	static char	 text[4][160];
	static unsigned	 n;

	if (!c->guest || other != 0)
		return (name);
	n = (n + 1) % nitems(text);
	snprintf(text[n], sizeof(text[0]), "\"Other Users/%s/%s\"",
	    c->storm->net->owner, name);
	return (text[n]);
}

unsigned
storm_pick(struct storm *s, unsigned n)
{
	s->seed = s->seed * 1664525u + 1013904223u;
	return ((s->seed >> 8) % n);
}

void
storm_bad(struct storm_client *c, const char *why, struct span line)
{
	struct storm	*s = c->storm;
	unsigned	 i;

	if (s->wrong++ >= SHOWN)
		return;
	printf("# client %d (%s%s%s%s%s): %s: %.*s\n", c->i,
	    c->kind == KIND_QRESYNC ? "QRESYNC " : c->kind == KIND_CONDSTORE ?
	    "CONDSTORE " : "", c->uidonly ? "UIDONLY " : "", c->notify ?
	    "NOTIFY " : "", c->guest ? "guest " : "",
	    c->name, why, line.n < 300 ? (int)line.n : 300,
	    (const char *)line.p);
	for (i = 0; i < c->nqueue; i++)
		printf("#\twaits for: t%u %s\n", c->queue[i].tag,
		    c->queue[i].text);
	fflush(stdout);
}

static void
told_bad(struct told *t, const char *why, struct span line)
{
	storm_bad(t->arg, why, line);
}

/* ---- connections ----------------------------------------------------------- */

int
storm_connect(struct storm_client *c)
{
	if ((c->fd = c->storm->net->open(c->i, c->guest)) == -1)
		return (-1);
	c->told.arg = c;
	c->told.tagged = tagged;
	c->told.untagged = untagged;
	c->told.fetch = fetched;
	c->told.bad = told_bad;
	c->told.quiet = 1;
	return (0);
}

void
storm_disconnect(struct storm_client *c)
{
	unsigned	 i;

	if (c->fd == -1)
		return;
	for (i = 0; i < c->nqueue; i++)
		if (c->queue[i].what == SAY_SETACL)
			storm_granted(c, &c->queue[i], -1);
	c->storm->net->close(c->i);
	c->fd = -1;
	if (c->compressed) {
		(void)inflateEnd(&c->in);
		(void)deflateEnd(&c->out);
	}
	told_again(&c->told);
	c->nqueue = 0;
	c->readonly = c->enabled = c->idle = c->eof = c->leaving = c->lone = 0;
	c->compressed = c->resync = c->notified = 0;
	c->nboxes = 0;
	c->name[0] = '\0';
}

static void
send_raw(struct storm_client *c, const void *octets, size_t len)
{
	const char	*p = octets;
	ssize_t		 k;

	while (len > 0 && !c->eof) {
		k = send(c->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k == -1 && (errno == EAGAIN || errno == EINTR)) {
			c->storm->net->turn(0);
			storm_receive(c);
		} else if (k == -1) {
			storm_receive(c);	/* it may have said why */
			c->eof = 1;
		} else {
			p += k;
			len -= (size_t)k;
		}
	}
}

void
storm_send(struct storm_client *c, const char *p, size_t len)
{
	uint8_t	 room[4096];

	if (!c->compressed) {
		send_raw(c, p, len);
		return;
	}
	c->out.next_in = (Bytef *)(uintptr_t)p;
	c->out.avail_in = (uInt)len;
	do {
		c->out.next_out = room;
		c->out.avail_out = sizeof(room);
		(void)deflate(&c->out, Z_SYNC_FLUSH);
		send_raw(c, room, sizeof(room) - c->out.avail_out);
	} while (c->out.avail_out == 0);
}

static void
took(struct storm_client *c, uint8_t *p, size_t n)
{
	uint8_t	 room[16384];
	int	 rc;

	/* Right behind the answer to COMPRESS others may follow. */
	for (; n > 0 && !c->compressed && c->nqueue > 0 &&
	    c->queue[0].what == SAY_COMPRESS; n--)
		told_take(&c->told, p++, 1);
	if (!c->compressed) {
		told_take(&c->told, p, n);
		return;
	}
	c->in.next_in = p;
	c->in.avail_in = (uInt)n;
	do {
		c->in.next_out = room;
		c->in.avail_out = sizeof(room);
		rc = inflate(&c->in, Z_SYNC_FLUSH);
		if (rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END) {
			storm_bad(c, "no deflated octets", span_str(""));
			return;
		}
		told_take(&c->told, room, sizeof(room) - c->in.avail_out);
	} while (c->in.avail_out == 0);
}

void
storm_receive(struct storm_client *c)
{
	uint8_t	 room[16384];
	ssize_t	 n;

	if (c->fd == -1)
		return;
	while ((n = recv(c->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
		took(c, room, (size_t)n);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		/* in the middle of a line BYE would be taken for a part of it */
		if (!c->leaving && !c->told.bye && !c->storm->net->cut &&
		    !c->eof && c->told.in.n == 0)
			storm_bad(c, "closed", span_str(""));
		c->eof = 1;
	}
}

struct storm_cmd *
storm_say(struct storm_client *c, enum storm_what what, int quiet,
    const char *fmt, ...)
{
	struct storm_cmd	*q = &c->queue[c->nqueue];
	struct buf		 b = { 0 };
	va_list			 ap;

	memset(q, 0, sizeof(*q));
	q->alone = c->nqueue == 0;
	c->nqueue++;
	q->tag = ++c->tags;
	q->what = what;
	q->quiet = quiet;
	(void)buf_addf(&b, "t%u ", q->tag);
	va_start(ap, fmt);
	(void)buf_addv(&b, fmt, ap);
	va_end(ap);
	snprintf(q->text, sizeof(q->text), "%s", strchr(buf_cstr(&b), ' ') + 1);
	q->text[strcspn(q->text, "\r")] = '\0';
	(void)buf_adds(&b, "\r\n");
	c->told.quiet = storm_quiet(c);
	if (c->storm->loud)
		printf("C%d: %s", c->i, buf_cstr(&b));
	storm_send(c, (const char *)b.p, b.n);
	buf_free(&b);
	return (q);
}

/* ---- answers ------------------------------------------------------------------ */

/* Two sets side by side: the same messages. */
static void
copied(struct storm_client *c, uint32_t other, struct span s)
{
	struct world	*w = &c->storm->world;
	struct span	 word, a, b, ra, rb, lo;
	uint64_t	 uv, x = 1, xe = 0, y = 1, ye = 0;

	(void)span_split(&s, ' ', &word);
	if (span_num(word, UINT32_MAX, &uv) == -1)
		return;
	(void)span_split(&s, ' ', &a);
	(void)span_split(&s, ']', &b);
	for (;; x++, y++) {
		if (x > xe && a.n > 0) {
			(void)span_split(&a, ',', &ra);
			(void)span_split(&ra, ':', &lo);
			(void)span_num(lo, UINT32_MAX, &x);
			xe = x;
			if (ra.n > 0)
				(void)span_num(ra, UINT32_MAX, &xe);
		}
		if (y > ye && b.n > 0) {
			(void)span_split(&b, ',', &rb);
			(void)span_split(&rb, ':', &lo);
			(void)span_num(lo, UINT32_MAX, &y);
			ye = y;
			if (rb.n > 0)
				(void)span_num(rb, UINT32_MAX, &ye);
		}
		if (x > xe || y > ye)
			break;
		if (world_is(w, (uint32_t)uv | other, (uint32_t)y,
		    world_number(w, storm_validity(c), (uint32_t)x)) == -1)
			storm_bad(c, "COPYUID is another message's", s);
	}
	if (x <= xe || y <= ye)
		storm_bad(c, "COPYUID's sets differ in length", word);
}

/* Behind "[APPENDUID ". */
static void
appended(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	struct world	*w = &c->storm->world;
	struct span	 word, lo;
	uint64_t	 uv, uid;
	uint32_t	 n;

	(void)span_split(&s, ' ', &word);
	(void)span_split(&s, ']', &lo);
	s = lo;
	(void)span_split(&s, ':', &lo);
	if (span_num(word, UINT32_MAX, &uv) == -1 ||
	    span_num(lo, UINT32_MAX, &uid) == -1)
		return;
	for (n = q->first; n <= q->last; n++, uid++) {
		w->acked[n] = 1;
		if (world_is(w, (uint32_t)uv | q->other, (uint32_t)uid,
		    n) == -1)
			storm_bad(c, "APPENDUID is another message's", s);
	}
}

static void
on_append(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	if (span_caseprefix(s, "OK [APPENDUID "))
		appended(c, q, span_of(s.p + 14, s.n - 14));
}

static void
on_copy(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	if (span_caseprefix(s, "OK [COPYUID "))
		copied(c, q->other, span_of(s.p + 12, s.n - 12));
}

static void
on_select(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	struct told	*t = &c->told;

	(void)q;
	if (t->opening)		/* it is not closed */
		told_closed(t);
	c->other = c->chosen;
	t->selected = span_caseprefix(s, "OK ");
	c->readonly = !span_caseprefix(s, "OK [READ-WRITE]");
	if (c->watches)
		storm_watch_selected(c);
	if (!t->selected || storm_validity(c) != c->kept_validity) {
		c->kept_validity = 0;
		t->nkept = 0;
	} else if (c->resync) {
		told_resync(t);
		c->storm->resyncs++;
	} else if (c->kind == KIND_CONDSTORE) {
		c->lone = 1;
		storm_say(c, SAY_CHANGED, 0, "UID FETCH 1:* (UID FLAGS MODSEQ)"
		    " (CHANGEDSINCE %llu)", (unsigned long long)c->kept_modseq);
		return;
	}
	t->resyncing = 0;
}

static void
on_changed(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	(void)s;
	c->lone = 1;
	if (c->uids)
		storm_say(c, SAY_UIDS, 0, "UID FETCH 1:* (UID)");
	else
		storm_say(c, SAY_UIDS, 1, "FETCH 1:* UID");
}

static void
on_uids(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	if (span_caseprefix(s, "OK ")) {
		told_flags_kept(&c->told);
		c->storm->resyncs++;
	}
	c->told.resyncing = 0;
}

static void
on_enable(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	if (!span_caseprefix(s, "OK "))
		storm_bad(c, "not enabled", s);
	c->enabled = 1;
	c->told.qresync = c->told.condstore = c->kind == KIND_QRESYNC;
	c->told.condstore |= c->watches;
	if (c->told.uidonly != c->uidonly)
		storm_bad(c, "not ENABLED UIDONLY", s);
}

static void
on_setacl(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	storm_granted(c, q, span_caseprefix(s, "OK "));
}

static void
on_probe(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	c->storm->probe = span_caseprefix(s, "OK ");
}

/* Nothing else is under way. */
static void
on_compress(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	if (!span_caseprefix(s, "OK "))
		return;
	memset(&c->in, 0, sizeof(c->in));
	memset(&c->out, 0, sizeof(c->out));
	if (inflateInit2(&c->in, -15) != Z_OK || deflateInit2(&c->out, 1,
	    Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	c->compressed = 1;
}

static void
on_idle(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	(void)s;
	c->idle = 0;
}

static void
on_close(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	(void)q;
	if (span_caseprefix(s, "OK "))
		c->name[0] = '\0';
}

static void (*const on_answer[SAY_WHATS])(struct storm_client *,
    const struct storm_cmd *, struct span) = {
	[SAY_APPEND] = on_append, [SAY_COPY] = on_copy,
	[SAY_SELECT] = on_select, [SAY_ENABLE] = on_enable,
	[SAY_COMPRESS] = on_compress, [SAY_CHANGED] = on_changed,
	[SAY_UIDS] = on_uids, [SAY_IDLE] = on_idle, [SAY_CLOSE] = on_close,
	[SAY_SETACL] = on_setacl, [SAY_PROBE] = on_probe
};

/* What may be refused, and how. */
static void
refused(struct storm_client *c, const struct storm_cmd *q, struct span s)
{
	struct buf	 b = { 0 };
	const char	*text;
	uint32_t	 i;

	(void)buf_add_span(&b, s);
	text = buf_cstr(&b);
	/* its model was changed when that was said */
	for (i = q->silent_lo; i > 0 && i <= q->silent_hi && i <= c->told.n;
	    i++)
		c->told.m[i - 1].known = 0;
	c->storm->refused++;
	c->storm->denied += strstr(text, "NOPERM") != NULL;
	if (strncmp(text, "BAD ", 4) == 0 && (q->alone ||
	    (strstr(text, "no message has that number") == NULL &&
	    strstr(text, "no such message") == NULL)))
		storm_bad(c, q->text, s);
	else if (strstr(text, "SERVERBUG") != NULL || (!c->storm->net->cut &&
	    q->what != SAY_SETACL && strstr(text, "UNAVAILABLE") != NULL))
		storm_bad(c, q->text, s);
	buf_free(&b);
}

/* Now and then, when all is known: what it will come back with. */
static void
keep(struct storm_client *c)
{
	struct told	*t = &c->told;

	if (c->kind == KIND_PLAIN || !t->selected || c->nqueue > 0 ||
	    t->resyncing || t->bye || storm_pick(c->storm, 3) != 0 ||
	    told_keep(t) == -1)
		return;
	c->kept_validity = storm_validity(c);
	c->kept_modseq = t->held;
}

static void
tagged(struct told *t, struct span tag, struct span rest)
{
	struct storm_client	*c = t->arg;
	struct storm_cmd	 q;
	char			 want[16];

	if (c->storm->loud)
		printf("S%d: %.*s %.*s\n", c->i, (int)tag.n,
		    (const char *)tag.p, (int)rest.n, (const char *)rest.p);
	snprintf(want, sizeof(want), "t%u", c->queue[0].tag);
	if (c->nqueue == 0 || !span_eqs(tag, want)) {
		storm_bad(c, "unexpected answer", rest);
		return;
	}
	q = c->queue[0];
	memmove(c->queue, c->queue + 1, --c->nqueue * sizeof(c->queue[0]));
	c->lone = 0;
	c->storm->answers++;
	if (!span_caseprefix(rest, "OK "))
		refused(c, &q, rest);
	if (on_answer[q.what] != NULL)
		on_answer[q.what](c, &q, rest);
	t->quiet = storm_quiet(c);
	keep(c);
}

static void
untagged(struct told *t, struct span s)
{
	struct storm_client	*c = t->arg;

	if (c->storm->loud)
		printf("S%d: %.*s\n", c->i, (int)s.n, (const char *)s.p);
	if (span_caseprefix(s, "* OK [COPYUID ") && c->nqueue > 0)
		copied(c, c->queue[0].other, span_of(s.p + 14, s.n - 14));
	else if (span_caseprefix(s, "* OK [APPENDUID ") && c->nqueue > 0)
		appended(c, &c->queue[0], span_of(s.p + 16, s.n - 16));
	else if (s.n > 0 && s.p[0] == '+' && c->idle == 1)
		c->idle = 2;
	else if (c->i == STORM_FRESH)
		storm_look_untagged(c->storm, s);
	else if (span_caseprefix(s, "* OK [CLOSED]"))
		c->other = c->chosen;	/* what comes is of the new one */
	if (c->watches)
		storm_watch_untagged(c, s);
	storm_found(c, s);
	if (span_caseprefix(s, "* BYE") && !c->leaving &&
	    span_find(s, '[') != -1 && !c->storm->net->cut && (!c->guest ||
	    !span_caseprefix(s, "* BYE [NOPERM]")))
		storm_bad(c, "sent away", s);
}

static void
fetched(struct told *t, struct told_msg *m)
{
	struct storm_client	*c = t->arg;
	struct world		*w = &c->storm->world;

	if (m->uid == 0)
		return;
	if (m->number != 0 && world_is(w, storm_validity(c), m->uid,
	    m->number) == -1)
		storm_bad(c, "this UID was another message's", span_str(""));
	if (m->recent && !c->readonly && !c->told.opening &&
	    !c->storm->net->cut &&
	    world_recent(w, storm_validity(c), m->uid, c->session) == -1)
		storm_bad(c, "\\Recent twice", span_str(""));
}

/* ---- the loop -------------------------------------------------------------- */

int
storm_drain(struct storm *s)
{
	struct storm_client	*c;
	unsigned		 turn, open = 1;
	int			 i, cut = 0;

	for (turn = 0; turn < DRAIN && open > 0; turn++) {
		s->net->turn(0);
		for (i = 0, open = 0; i <= STORM_CLIENTS; i++) {
			c = &s->clients[i];
			storm_receive(c);
			if (c->idle == 2) {
				storm_send(c, "DONE\r\n", 6);
				c->idle = 3;
			}
			if (c->eof && !c->told.bye && c->nqueue > 0)
				cut = -1;
			if (c->eof || c->told.bye)
				storm_disconnect(c);
			open += c->nqueue;
		}
	}
	for (i = 0; i <= STORM_CLIENTS; i++)
		if (s->clients[i].nqueue > 0) {
			storm_bad(&s->clients[i], "no answer", span_str(""));
			storm_disconnect(&s->clients[i]);
		}
	return (cut);
}

void
storm_begin(struct storm *s, const struct storm_net *net, uint32_t seed)
{
	static const char *const boxes[] = { "Keep", "RingA", "RingB", "Box0",
	    "Box1", "Box2", "Box1/sub" };
	struct storm_client	*c;
	size_t			 i, tries = 0;

	memset(s, 0, sizeof(*s));
	s->net = net;
	s->seed = seed;
	s->world.next = 1;
	for (i = 0, c = s->clients; i <= STORM_CLIENTS; i++) {
		c = &s->clients[i];
		c->i = (int)i;
		c->fd = -1;
		c->storm = s;
		c->kind = KIND_CONDSTORE;
		if (i == STORM_FRESH)
			break;
		c->kind = cast[i].kind;
		c->notify = cast[i].notify;
		c->guest = cast[i].guest && net->guest != NULL;
		c->uidonly = cast[i].uidonly;
		c->watches = cast[i].watches;
		c->uids = c->uidonly || c->notify == NOTIFY_AT_ONCE;
	}
	for (i = 0; i < nitems(boxes) && tries < BEGIN; tries++) {
		if (c->fd == -1 && storm_connect(c) == -1) {
			net->turn(0);
			continue;
		}
		storm_say(c, SAY_ANY, 0, "CREATE %s", boxes[i]);
		storm_grant(c, boxes[i], 1);
		i += storm_drain(s) == 0;
	}
	storm_disconnect(c);
}

static void
step(struct storm *s, struct storm_client *c)
{
	storm_receive(c);
	if (c->fd != -1 && (c->eof || c->told.bye))
		storm_disconnect(c);
	if (c->fd == -1 && storm_connect(c) == -1) {
		s->net->turn(0);
		return;
	}
	if (c->idle == 2 && storm_pick(s, 5) == 0) {
		storm_send(c, "DONE\r\n", 6);
		c->idle = 3;
	} else if (!c->lone && c->nqueue < STORM_PIPELINE)
		storm_anything(c);
	else
		s->net->turn(0);
}

void
storm_run(struct storm *s, unsigned steps)
{
	while (steps-- > 0) {
		step(s, &s->clients[storm_pick(s, STORM_CLIENTS)]);
		s->net->turn(1);
	}
	storm_look(s);
	if (s->net->restart != NULL && storm_pick(s, 3) == 0) {
		for (steps = 0; steps <= STORM_CLIENTS; steps++)
			storm_disconnect(&s->clients[steps]);
		s->net->restart();
		s->restarts++;
		storm_look(s);
	}
}

void
storm_end(struct storm *s)
{
	int	 i;

	for (i = 0; i <= STORM_CLIENTS; i++) {
		storm_disconnect(&s->clients[i]);
		told_free(&s->clients[i].told);
	}
	world_free(&s->world);
	free(s->found);
	free(s->thread);
}
