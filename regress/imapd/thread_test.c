/*
 * Threads: the algorithms by tables and on deep and hostile trees, then THREAD.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "imapd/thread.h"
#include "imaptest.h"

#define MOST	8
#define DEEP	100000

/* Messages 1, 2, 3 ...; a date of 0 is the number; a subject of NULL differs
 * from all others, one with "+" in front is that of a reply. */
static const struct {
	const char	*name;
	enum thread_how	 how;
	struct {
		const char	*id, *refs, *irt, *subject;
		int		 date;
	} m[MOST];
	const char	*want;
} cases[] = {
	{ "nothing", THREAD_REFERENCES, { { 0 } }, "" },
	{ "a chain", THREAD_REFERENCES, { { "<a@x>", 0, 0, 0, 0 },
	    { "<b@x>", "<a@x>", 0, 0, 0 },
	    { "<c@x>", "<a@x> <b@x>", 0, 0, 0 } }, "(1 2 3)" },
	{ "backwards", THREAD_REFERENCES, {
	    { "<c@x>", "<a@x> <b@x>", 0, 0, 0 },
	    { "<b@x>", "<a@x>", 0, 0, 0 }, { "<a@x>", 0, 0, 0, 0 } },
	    "(3 2 1)" },
	{ "branches", THREAD_REFERENCES, { { "<a@x>", 0, 0, 0, 0 },
	    { "<b@x>", "<a@x>", 0, 0, 0 }, { "<c@x>", "<a@x>", 0, 0, 0 },
	    { "<d@x>", "<b@x>", 0, 0, 0 }, { "<e@x>", "<b@x>", 0, 0, 0 } },
	    "(1 (2 (4)(5))(3))" },
	{ "siblings by date", THREAD_REFERENCES, { { "<a@x>", 0, 0, 0, 9 },
	    { "<b@x>", "<a@x>", 0, 0, 5 }, { "<c@x>", "<a@x>", 0, 0, 4 },
	    { "<d@x>", 0, 0, 0, 3 }, { "<e@x>", "<a@x>", 0, 0, 4 } },
	    "(4)(1 (3)(5)(2))" },
	{ "in reply to, the first alone", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, 0, 0 }, { "<b@x>", 0, 0, 0, 0 },
	    { "<c@x>", 0, "your message <b@x> of <a@x>", 0, 0 },
	    { "<d@x>", "none", "<a@x>", 0, 0 },
	    { "<e@x>", "<a@x>", "<b@x>", 0, 0 } },
	    "(1 (4)(5))(2 3)" },
	{ "one in between is missing", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, 0, 0 }, { "<c@x>", "<a@x> <b@x>", 0, 0, 0 } },
	    "(1 2)" },
	{ "all above are missing", THREAD_REFERENCES, {
	    { "<d@x>", "<a@x> <b@x> <c@x>", 0, 0, 0 } }, "(1)" },
	{ "a dummy of two", THREAD_REFERENCES, {
	    { "<b@x>", "<a@x>", 0, 0, 0 }, { "<c@x>", "<a@x>", 0, 0, 0 } },
	    "((1)(2))" },
	{ "a dummy's date is its first child's", THREAD_REFERENCES, {
	    { "<b@x>", "<a@x>", 0, 0, 7 }, { "<d@x>", 0, 0, 0, 5 },
	    { "<c@x>", "<a@x>", 0, 0, 3 } }, "((3)(1))(2)" },
	{ "dummies under a dummy", THREAD_REFERENCES, {
	    { "<c@x>", "<r@x> <a@x>", 0, 0, 0 },
	    { "<d@x>", "<r@x> <b@x>", 0, 0, 0 },
	    { "<e@x>", "<r@x> <b@x> <f@x>", 0, 0, 0 } }, "((1)(2)(3))" },
	{ "twice the same id", THREAD_REFERENCES, { { "<a@x>", 0, 0, 0, 0 },
	    { "<a@x>", 0, 0, 0, 0 }, { "<b@x>", "<a@x>", 0, 0, 0 },
	    { "<a@x>", "<a@x>", 0, 0, 0 } }, "(1 (3)(4))(2)" },
	{ "no ids at all", THREAD_REFERENCES, { { "", 0, 0, 0, 0 },
	    { "<none>", 0, 0, 0, 0 }, { "<@>", "<none> <@>", 0, 0, 0 } },
	    "(1)(2)(3)" },
	{ "quoting and comments are no difference", THREAD_REFERENCES, {
	    { "<\"a\"@x>", 0, 0, 0, 0 }, { "<b@x>", "<a@x>", 0, 0, 0 },
	    { "<c@x>", "<a@ x>", 0, 0, 0 } }, "(1 (2)(3))" },
	{ "to itself", THREAD_REFERENCES, { { "<a@x>", "<a@x>", 0, 0, 0 },
	    { "<b@x>", "<a@x> <b@x>", 0, 0, 0 } }, "(1)(2)" },
	{ "a loop of two", THREAD_REFERENCES, { { "<a@x>", "<b@x>", 0, 0, 0 },
	    { "<b@x>", "<a@x>", 0, 0, 0 } }, "(2 1)" },
	{ "a loop of three", THREAD_REFERENCES, {
	    { "<a@x>", "<c@x>", 0, 0, 0 }, { "<b@x>", "<a@x>", 0, 0, 0 },
	    { "<c@x>", "<b@x>", 0, 0, 0 } }, "(3 1 2)" },
	{ "the same ids again and again", THREAD_REFERENCES, {
	    { "<c@x>", "<a@x> <b@x> <a@x> <b@x> <b@x>", 0, 0, 0 },
	    { "<a@x>", 0, 0, 0, 0 } }, "(2 1)" },
	{ "what stands in the message itself counts more", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, 0, 0 }, { "<c@x>", "<a@x> <b@x>", 0, 0, 0 },
	    { "<b@x>", 0, 0, 0, 0 } }, "(1)(3 2)" },
	{ "what others say first counts more than others", THREAD_REFERENCES, {
	    { "<c@x>", "<a@x> <b@x>", 0, 0, 0 },
	    { "<d@x>", "<e@x> <b@x>", 0, 0, 0 }, { "<a@x>", 0, 0, 0, 0 },
	    { "<e@x>", 0, 0, 0, 0 } }, "(3 (1)(2))(4)" },
	{ "subjects: two of them", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "S", 0 }, { "<b@x>", 0, 0, "S", 0 },
	    { "<c@x>", 0, 0, "T", 0 } }, "((1)(2))(3)" },
	{ "subjects: three of them", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "S", 0 }, { "<b@x>", 0, 0, "S", 0 },
	    { "<c@x>", 0, 0, "+S", 0 } }, "((1)(2)(3))" },
	{ "subjects: a reply", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "S", 0 }, { "<b@x>", 0, 0, "+S", 0 } }, "(1 2)" },
	{ "subjects: a reply that came first", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "+S", 0 }, { "<b@x>", 0, 0, "S", 0 },
	    { "<c@x>", 0, 0, "+S", 0 } }, "(2 (1)(3))" },
	{ "subjects: replies alone", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "+S", 0 }, { "<b@x>", 0, 0, "+S", 0 } },
	    "((1)(2))" },
	{ "subjects: a dummy takes others in", THREAD_REFERENCES, {
	    { "<d@x>", 0, 0, "S", 0 }, { "<b@x>", "<a@x>", 0, "S", 0 },
	    { "<c@x>", "<a@x>", 0, "+S", 0 } }, "((1)(2)(3))" },
	{ "subjects: dummies become one", THREAD_REFERENCES, {
	    { "<b@x>", "<a@x>", 0, "S", 0 }, { "<e@x>", "<d@x>", 0, "S", 0 },
	    { "<c@x>", "<a@x>", 0, "T", 0 }, { "<f@x>", "<d@x>", 0, "T", 0 },
	    { "<g@x>", "<f@x>", 0, "U", 0 } },
	    "((1)(2)(3)(4 5))" },
	{ "subjects: none is none", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "", 0 }, { "<b@x>", 0, 0, "", 0 },
	    { "<c@x>", 0, 0, "+", 0 } }, "(1)(2)(3)" },
	{ "subjects: below the top they do not count", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "S", 0 }, { "<b@x>", "<a@x>", 0, "T", 0 },
	    { "<c@x>", 0, 0, "T", 0 } }, "(1 2)(3)" },
	{ "subjects: gathered ones by date", THREAD_REFERENCES, {
	    { "<a@x>", 0, 0, "S", 5 }, { "<b@x>", "<a@x>", 0, "S", 9 },
	    { "<c@x>", 0, 0, "+S", 7 }, { "<d@x>", 0, 0, "T", 6 } },
	    "(1 (3)(2))(4)" },
	{ "ordered: nothing", THREAD_ORDEREDSUBJECT, { { 0 } }, "" },
	{ "ordered", THREAD_ORDEREDSUBJECT, { { "", 0, 0, "S", 4 },
	    { "", 0, 0, "T", 2 }, { "", 0, 0, "+S", 1 },
	    { "", 0, 0, "S", 4 } , { "", 0, 0, "+T", 3 },
	    { "", 0, 0, "U", 2 } }, "(3 (1)(4))(2 5)(6)" },
	{ "ordered: no subject is one", THREAD_ORDEREDSUBJECT, {
	    { "", 0, 0, "", 0 }, { "", 0, 0, "S", 0 },
	    { "", 0, 0, "", 0 } }, "(1 3)(2)" },
	{ "ordered: references do not count", THREAD_ORDEREDSUBJECT, {
	    { "<a@x>", 0, 0, "S", 0 }, { "<b@x>", "<a@x>", 0, "T", 0 } },
	    "(1)(2)" },
};

static struct span
some(const char *s)
{
	return (s == NULL ? span_of(NULL, 0) : span_str(s));
}

static void
finish(struct threads *t, struct buf *b)
{
	int	 rc;

	while ((rc = threads_step(t)) == 1)
		;
	CHECK(rc == 0, "the tree");
	while (threads_write(t, b) == 1)
		;
}

static void
tables(void)
{
	struct thread_message	 m;
	struct threads		*t;
	struct buf		 b = { 0 };
	const char		*subject;
	char			 unlike[16];
	size_t			 i, k;

	for (i = 0; i < nitems(cases); i++) {
		buf_reset(&b);
		t = threads_new(cases[i].how, 0);
		for (k = 0; k < MOST && cases[i].m[k].id != NULL; k++) {
			memset(&m, 0, sizeof(m));
			m.number = (uint32_t)k + 1;
			m.date = cases[i].m[k].date != 0 ?
			    cases[i].m[k].date : (int)k + 1;
			m.id = some(cases[i].m[k].id);
			m.references = some(cases[i].m[k].refs);
			m.in_reply_to = some(cases[i].m[k].irt);
			snprintf(unlike, sizeof(unlike), "unlike %zu", k);
			if ((subject = cases[i].m[k].subject) == NULL)
				subject = unlike;
			m.reply = subject[0] == '+';
			m.subject = span_str(subject + m.reply);
			CHECK(threads_add(t, &m) == 0, "%s", cases[i].name);
		}
		finish(t, &b);
		CHECK(span_eqs(span_buf(&b), cases[i].want), "%s: %.*s",
		    cases[i].name, (int)b.n, (const char *)b.p);
		threads_free(t);
	}
	buf_free(&b);
}

/* A chain, in the order that turn says, each referring to the one before. */
static void
deep(const char *name, uint32_t (*turn)(uint32_t))
{
	struct thread_message	 m = { 0 };
	struct threads		*t = threads_new(THREAD_REFERENCES, DEEP);
	struct buf		 b = { 0 }, want = { 0 };
	char			 id[32], ref[32];
	uint32_t		 i, k;
	int			 rc = 0;

	for (i = 0; i < DEEP; i++) {
		k = turn(i);
		snprintf(id, sizeof(id), "<%u@x>", k);
		snprintf(ref, sizeof(ref), "<%u@x>", k - 1);
		m.number = k;
		m.date = (int64_t)(k * 7919 % DEEP);
		m.id = span_str(id);
		m.references = span_str(k > 1 ? ref : "");
		rc |= threads_add(t, &m);
	}
	CHECK(rc == 0, "%s: added", name);
	finish(t, &b);
	for (k = 1; k <= DEEP; k++)
		(void)buf_addf(&want, "%s%u", k == 1 ? "(" : " ", k);
	(void)buf_addc(&want, ')');
	CHECK(span_eq(span_buf(&b), span_buf(&want)), "%s: the chain", name);
	buf_free(&b);
	buf_free(&want);
	threads_free(t);
}

static uint32_t
forwards(uint32_t i)
{
	return (i + 1);
}

static uint32_t
backwards(uint32_t i)
{
	return (DEEP - i);
}

static uint32_t
mixed(uint32_t i)
{
	return ((uint32_t)((uint64_t)i * 61813 % DEEP) + 1);
}

/* From the bottom of a deep chain to its top and back: always a loop. */
static void
hostile(void)
{
	struct thread_message	 m = { 0 };
	struct threads		*t = threads_new(THREAD_REFERENCES, DEEP);
	struct buf		 b = { 0 };
	char			 id[32], ref[96];
	uint32_t		 i, n = 0;
	int			 rc = 0;

	for (i = 1; i <= DEEP; i++) {
		snprintf(id, sizeof(id), "<%u@x>", i);
		if (i <= DEEP / 2)
			snprintf(ref, sizeof(ref), "<%u@x>", i - 1);
		else
			snprintf(ref, sizeof(ref), "<%u@x> <0@x> <%u@x>",
			    DEEP / 2 - i % 100, i - DEEP / 2);
		m.number = i;
		m.id = span_str(id);
		m.references = span_str(ref);
		rc |= threads_add(t, &m);
	}
	finish(t, &b);
	for (i = 0; i < b.n; i++)
		n += b.p[i] >= '0' && b.p[i] <= '9' && (i == 0 ||
		    b.p[i - 1] < '0');
	CHECK(rc == 0 && n == DEEP, "hostile: %u", n);
	buf_free(&b);
	threads_free(t);
}

static const char *const	 texts[] = {
	"Message-ID: <a@x>\r\nSubject: Hallo\r\n"
	    "Date: Mon, 3 Feb 2020 12:00:00 +0000\r\n\r\n1\r\n",
	"Message-ID: <b@x>\r\nReferences: <a@x>\r\nSubject: other\r\n"
	    "Date: Mon, 3 Feb 2020 13:00:00 +0000\r\n\r\n2\r\n",
	"Subject: =?utf-8?q?Re:_HALLO?=\r\n"
	    "Date: Mon, 3 Feb 2020 11:00:00 +0000\r\n\r\n3\r\n",
	"References: <z@x>\r\n <y@x>\r\nSubject: more\r\n\r\n4\r\n",
	"In-Reply-To: <b@x>\r\nSubject: more\r\n"
	    "Date: Mon, 3 Feb 2020 15:00:00 +0000\r\n\r\n5\r\n",
	"no header\r\n",
};

static const struct {
	const char	*command, *want;
} commands[] = {
	{ "THREAD REFERENCES UTF-8 ALL",	"* THREAD (1 (3)(2 5))(4)(6)" },
	{ "thread references us-ascii 1:2",	"* THREAD (1 2)" },
	{ "UID THREAD REFERENCES UTF-8 1,3,5",	"* THREAD (11 13)(15)" },
	{ "THREAD ORDEREDSUBJECT UTF-8 ALL",	"* THREAD (3 1)(2)(5 4)(6)" },
	{ "UID THREAD ORDEREDSUBJECT UTF-8 1:2", "* THREAD (11)(12)" },
	{ "THREAD REFERENCES UTF-8 BODY nothing", "* THREAD" },
	{ "THREAD REFERENCES UTF-8 2 MODSEQ 1",	"* OK [HIGHESTMODSEQ ~" },
	{ "THREAD REFERENCES UTF-8 2 MODSEQ 1",	"* THREAD (2)" },
	{ "THREAD REFERENCES KLINGON ALL",	"t NO [BADCHARSET (" },
	{ "THREAD",				"t BAD " },
	{ "THREAD REFS UTF-8 ALL",		"t BAD " },
	{ "THREAD REFERENCES ALL",		"t BAD " },
	{ "THREAD REFERENCES UTF-8",		"t BAD " },
	{ "THREAD REFERENCES (UTF-8) ALL",	"t BAD " },
	{ "THREAD REFERENCES UTF-8 ALL x",	"t BAD " },
};

/* Number 4's date is its INTERNALDATE, 14:00 */
static void
fill(void)
{
	size_t	 i;

	t_fill(1);
	for (i = 0; i < nitems(texts); i++)
		t_append("INBOX", "", i == 3 ? " 3-Feb-2020 15:30:00 +0000" :
		    " 3-Feb-2020 18:30:00 +0000", texts[i]);
	t_filled();
}

static void
command(const char *text, const char *want)
{
	char		 cmd[256];
	const char	*l;
	size_t		 n = strlen(want);

	snprintf(cmd, sizeof(cmd), "t %s\r\n", text);
	t_send(1, cmd, strlen(cmd));
	l = t_line(1);
	if (want[n - 1] == '~' || want[0] == 't')
		n = strcspn(want, "~");
	else if (l != NULL)
		n = strlen(l) > n ? strlen(l) : n;
	CHECK(l != NULL && strncmp(l, want, n) == 0, "%s: %s", text,
	    l == NULL ? "(nothing)" : l);
	if (want[0] == '*')
		while ((l = t_line(1)) != NULL && l[0] == '*')
			;
	if (want[0] == '*')
		CHECK(l != NULL && strcmp(l, "t OK THREAD completed") == 0,
		    "%s: %s", text, l == NULL ? "(nothing)" : l);
}

int
main(void)
{
	size_t	 i;

	tables();
	deep("forwards", forwards);
	deep("backwards", backwards);
	deep("mixed", mixed);
	hostile();
	t_open(NULL);
	t_store.charsets = charsets_open();
	fill();
	for (i = 0; i < nitems(commands); i++)
		command(commands[i].command, commands[i].want);
	t_close();
	charsets_free(t_store.charsets);
	t_remove();
	return (t_done());
}
