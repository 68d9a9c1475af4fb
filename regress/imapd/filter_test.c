/*
 * SEARCH of texts is exact: each row is asked without filters and with them,
 * and what filters are, who has them, and that they go.
 */
#include <sys/statvfs.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "imapd/filter.h"
#include "imaptest.h"
#include "text.h"

#define TYPE(t)		"Content-Type: " t "\r\n"
#define CODED(e)	"Content-Transfer-Encoding: " e "\r\n"

static const char *const	 messages[] = {
	/* 1: charsets */
	"Subject: =?iso-8859-1?q?caf=E9?= one\r\n"
	    TYPE("text/plain; charset=iso-8859-1") CODED("8bit")
	    "\r\nStra\337e nach \311vreux\r\n",
	/* 2 */
	"Subject: =?utf-8?b?w4lWUkVVWA==?=\r\n"
	    TYPE("text/plain; charset=koi8-r") CODED("base64")
	    "\r\n8NLJ18XU\r\n",
	/* 3: an unknown one, as it stands */
	"Subject: r\344w\r\n"
	    TYPE("text/plain; charset=x-nobody") CODED("8bit")
	    "\r\nna\357ve or na\303\257ve, \344\366\374\r\n",
	/* 4: HTML as people read it */
	TYPE("text/html; charset=utf-8") CODED("quoted-printable")
	    "\r\n<p>Hel<b>lo</b> <i>w=\r\norld</i> &eacute;t&eacute; 1 &lt; 2"
	    "<script>hidden()</script><!-- remark --></p>\r\n",
	/* 5: parts, an attached message, an attachment */
	TYPE("multipart/mixed; boundary=b") "\r\npreamble\r\n--b\r\n"
	    TYPE("text/plain") "\r\nfirst part\r\n--b\r\n"
	    TYPE("message/rfc822") "\r\n"
	    "From: inner@example.org\r\nSubject: within\r\n\r\ndeep text\r\n"
	    "--b\r\n" TYPE("application/pdf; name=\"report.pdf\"")
	    "\r\nnot to be read\r\n--b--\r\n",
	/* 6: marks, compatibility, Hangul, kana, ideographs */
	TYPE("text/plain; charset=utf-8") CODED("8bit")
	    "\r\ne\314\201le\314\200ve \357\254\201n \355\225\234\352\270\200 "
	    "\343\202\253\343\202\231 \346\227\245\346\234\254\350\252\236\r\n",
	/* 7: nothing but octets */
	"\r\n\377\376\375 \360\237\230\200 x\360\237\230\r\n",
};

static const struct {
	const char	*program, *want;
} cases[] = {
	{ "TEXT strasse",			"" },
	{ "BODY evreux",			" 1" },
	{ "TEXT evreux",			" 1 2" },
	{ "TEXT CAFE",				" 1" },
	{ "TEXT \"cafe one\"",			" 1" },
	{ "BODY cafe",				"" },
	{ "CHARSET UTF-8 BODY {8+}\r\nSTRA\303\237E", "" },
	{ "CHARSET UTF-8 BODY {7+}\r\nstra\303\237e", " 1" },
	{ "CHARSET ISO-8859-1 BODY {6+}\r\nstra\337e", " 1" },
	{ "CHARSET UTF-8 BODY {12+}\r\n\320\277\321\200\320\270\320\262\320\265"
	    "\321\202", " 2" },
	{ "CHARSET KOI8-R BODY {3+}\r\n\320\322\311", " 2" },
	{ "BODY {5+}\r\nna\357ve",		" 3" },
	{ "BODY {5+}\r\nna\356ve",		"" },
	{ "BODY naive",				" 3" },
	{ "BODY {6+}\r\nna\303\257ve",		" 3" },
	{ "BODY {3+}\r\n\344\366\374",		" 3" },
	{ "BODY {3+}\r\n\344\366\375",		"" },
	{ "BODY {3+}\r\n\304\326\334",		"" },
	{ "BODY {3+}\r\n\357\277\275",		"" },
	{ "TEXT {3+}\r\nr\344w",		" 3" },
	{ "SUBJECT {3+}\r\nr\344w",		" 3" },
	{ "SUBJECT {3+}\r\nr\345w",		"" },
	{ "BODY \"hello world\"",		" 4" },
	{ "BODY \"ete 1 < 2\"",			" 4" },
	{ "BODY hidden",			"" },
	{ "BODY remark",			"" },
	{ "BODY eacute",			"" },
	{ "TEXT quoted-printable",		" 4" },
	{ "BODY quoted-printable",		"" },
	{ "BODY \"first part\"",		" 5" },
	{ "BODY \"deep text\"",			" 5" },
	{ "BODY within",			" 5" },
	{ "BODY inner@",			" 5" },
	{ "BODY preamble",			"" },
	{ "TEXT report.pdf",			" 5" },
	{ "TEXT \"not to be\"",			"" },
	{ "BODY \"partwithin\"",		"" },
	{ "BODY eleve",				" 6" },
	{ "CHARSET UTF-8 BODY {7+}\r\n\303\251l\303\250ve", " 6" },
	{ "BODY fin",				" 6" },
	{ "CHARSET UTF-8 BODY {6+}\r\n\355\225\234\352\270\200", " 6" },
	{ "CHARSET UTF-8 BODY {3+}\r\n\343\202\254", " 6" },
	{ "CHARSET UTF-8 BODY {9+}\r\n\346\227\245\346\234\254\350\252\236",
	    " 6" },
	{ "CHARSET UTF-8 BODY {6+}\r\n\346\227\245\350\252\236", "" },
	{ "BODY {3+}\r\n\377\376\375",		" 7" },
	{ "BODY {3+}\r\n\376\377\375",		"" },
	{ "BODY {4+}\r\n\360\237\230\200",	" 7" },
	{ "BODY {4+}\r\nx\360\237\230",		" 7" },
	{ "BODY {4+}\r\n \360\237\230",		"" },
	/* too short for a filter */
	{ "BODY on",				"" },
	{ "TEXT e",				" 1 2 3 4 5 6" },
	{ "NOT BODY hello",			" 1 2 3 5 6 7" },
	{ "OR BODY hello BODY eleve",		" 4 6" },
	{ "BODY deep TEXT within",		" 5" },
	{ "BODY deep BODY hello",		"" },
	{ "NOT (OR BODY zzz TEXT hello)",	" 1 2 3 5 6 7" },
};

static void
send_line(const char *s)
{
	const char	*l;
	size_t		 n = strcspn(s, " ");

	t_send(1, s, strlen(s));
	t_send(1, "\r\n", 2);
	while ((l = t_line(1)) != NULL && (strncmp(l, s, n) != 0 ||
	    l[n] != ' '))
		continue;
	CHECK(l != NULL && strncmp(l + n, " OK", 3) == 0, "%s: %s", s, l);
}

static void
append(const void *text, size_t n)
{
	char		 cmd[64];
	const char	*l;

	snprintf(cmd, sizeof(cmd), "a APPEND INBOX {%zu+}\r\n", n);
	t_send(1, cmd, strlen(cmd));
	t_send(1, text, n);
	t_send(1, "\r\n", 2);
	while ((l = t_line(1)) != NULL && l[0] == '*')
		continue;
	CHECK(l != NULL && strncmp(l, "a OK", 4) == 0, "APPEND: %s", l);
}

static void
search(const char *how, const char *program, const char *want)
{
	char		 cmd[512], first[512];
	const char	*l;

	snprintf(cmd, sizeof(cmd), "s SEARCH %s\r\n", program);
	t_send(1, cmd, strlen(cmd));
	l = t_line(1);
	snprintf(first, sizeof(first), "%s", l == NULL ? "(nothing)" : l);
	snprintf(cmd, sizeof(cmd), "* SEARCH%s", want);
	CHECK(strcmp(first, cmd) == 0, "%s: %.*s: %s", how,
	    (int)strcspn(program, "\r"), program, first);
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, "s OK ", 5) == 0, "%s: %s", how, l);
}

static void
every(const char *how)
{
	size_t	 i;

	for (i = 0; i < nitems(cases); i++)
		search(how, cases[i].program, cases[i].want);
}

/* How many filters there are, and the body of the last one; that of body 0 is
 * how far they are made. */
static size_t
filters(uint64_t *last)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	size_t			 n = 0;
	int			 rc;

	dbenv_iter_init(&it, t_part->filter, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		n += key.n == 8;
		if (last != NULL)
			(void)span_get_u64(&key, last);
	}
	dbenv_iter_free(&it);
	CHECK(rc == 0, "filters are read: %s", strerror(errno));
	return (n == 0 ? 0 : n - 1);
}

/* Octets of bits of the last one. */
static size_t
octets_of_last(void)
{
	struct filter_read	 r = { 0 };
	uint64_t		 last = 0;
	size_t			 n;

	(void)filters(&last);
	n = filter_get(&r, t_part, last).n;
	filter_read_end(&r);
	return (n);
}

/* Write another one for the last body. */
static void
forge(size_t octets, int version, int fill)
{
	struct buf	 b = { 0 };
	struct span	 key = { NULL, 0 }, val;
	uint8_t		 k[8];
	uint64_t	 body = 0;
	void		*room;

	CHECK(dbenv_last(t_part->filter, span_of("", 0), &key, &val) == 0 &&
	    span_get_u64(&key, &body) == 0, "the last filter");
	(void)filter_head_put(&b, t_store.charsets);
	b.p[0] = (uint8_t)(b.p[0] + version);
	if ((room = buf_reserve(&b, octets)) != NULL) {
		memset(room, fill, octets);
		buf_commit(&b, octets);
	}
	CHECK(dbenv_begin(t_part->env) == 0 && dbenv_put(t_part->filter,
	    key_u64(k, body), span_buf(&b)) == 0 &&
	    dbenv_commit(t_part->env) == 0, "forged");
	buf_free(&b);
}

/* The filter chooses; one that is not of this version is not believed. */
static void
choice(void)
{
	search("as made", "BODY x 7", " 7");
	search("as made", "TEXT {3+}\r\n\377\376\375", " 7");
	forge(FILTER_MIN, 0, 0);
	search("without a bit", "TEXT {3+}\r\n\377\376\375", "");
	search("without a bit, short", "TEXT {2+}\r\n\377\376", " 7");
	forge(FILTER_MIN, 0, 0xff);
	search("with all bits", "TEXT {3+}\r\n\377\376\375", " 7");
	search("with all bits", "TEXT {3+}\r\n\377\376\374", "");
	forge(FILTER_MIN, 1, 0);
	search("of another version", "TEXT {3+}\r\n\377\376\375", " 7");
	forge(0, 0, 0);
	search("none", "TEXT {3+}\r\n\377\376\375", " 7");
	forge(FILTER_MIN - 1, 0, 0);
	search("too short", "TEXT {3+}\r\n\377\376\375", " 7");
}

/* Sizes; what has none. */
static void
sizes(void)
{
	static const struct {
		size_t	 text, want;
	} t[] = {
		{ 10, FILTER_MIN }, { 8000, 1000 }, { 60000, FILTER_MAX },
		/* with its head a whole piece, but for one octet more */
		{ 7150, FILTER_PIECE - 5 },
		{ FILTER_TEXT - 100, FILTER_MAX }, { FILTER_TEXT, 0 },
	};
	struct buf	 b = { 0 };
	char		 want[16];
	size_t		 i, k, octets;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		(void)buf_adds(&b, "\r\n");
		for (k = 0; k < t[i].text; k += 10)
			(void)buf_adds(&b, "word text ");
		(void)buf_adds(&b, "needle");
		append(b.p, b.n);
		(void)filter_all(t_part);
		octets = octets_of_last();
		CHECK(filters(NULL) == nitems(messages) + i + 1 &&
		    octets >= t[i].want && octets <= t[i].want + 4,
		    "%zu octets of text: %zu", t[i].text, octets);
		snprintf(want, sizeof(want), " %zu", nitems(messages) + i + 1);
		(void)snprintf((char *)buf_reserve(&b, 64), 64,
		    "BODY needle %zu:*", nitems(messages) + i + 1);
		search("size", (char *)b.p + b.n, want);
		search("size", "BODY needles", "");
	}
	buf_free(&b);
}

/* Those in pieces and those in one by turns, read in bulk; then pieces are
 * missing. */
static void
pieces(size_t first)
{
	static const char	 all[] = " BODY \"needle of all\"";
	struct buf		 b = { 0 };
	uint64_t		 last = 0;
	char			 cmd[64], want[128] = "";
	uint8_t			 k[10];
	size_t			 i, n, at = 0;

	for (i = 0; i < 12; i++) {
		buf_reset(&b);
		(void)buf_adds(&b, "\r\n");
		for (n = 0; n < i % 4 * 900; n++)
			(void)buf_addf(&b, "%zu word%zu ", n, i * n);
		(void)buf_addf(&b, "needle of all q%cz", (char)('a' + i));
		append(b.p, b.n);
		at += (size_t)snprintf(want + at, sizeof(want) - at, " %zu",
		    first + i);
	}
	buf_free(&b);
	(void)filter_all(t_part);
	CHECK(octets_of_last() > 2 * FILTER_PIECE, "the last has pieces");
	for (n = 0; n < 3; n++) {
		snprintf(cmd, sizeof(cmd), "%zu:*%s", first, all);
		search("pieces", cmd, want);
		for (i = 0; i < 12; i++) {
			snprintf(cmd, sizeof(cmd), "BODY q%cz",
			    (char)('a' + i));
			snprintf(want + at, sizeof(want) - at, " %zu",
			    first + i);
			search("pieces", cmd, want + at);
			want[at] = '\0';
		}
		if (n == 2)
			break;
		/* One in a row, and the last of all; made anew when missed. */
		(void)filters(&last);
		last -= 4 * n;
		CHECK(filter_has(t_part, last), "whole");
		(void)key_u64(k, last);
		k[8] = 0;
		k[9] = 1;
		CHECK(dbenv_begin(t_part->env) == 0 && dbenv_del(t_part->filter,
		    span_of(k, 10)) == 0 && dbenv_commit(t_part->env) == 0 &&
		    !filter_has(t_part, last), "without a piece");
		search("without a piece", "BODY qzz", "");
		(void)filter_all(t_part);
		CHECK(filter_has(t_part, last), "made anew");
	}
}

/* Those of one mailbox, far from each other among those of others. */
static void
far(void)
{
	const uint64_t		 first = 1000000;
	struct filter_read	 r = { 0 };
	struct buf		 b = { 0 };
	size_t			 i, n = 0;

	(void)filter_head_put(&b, t_store.charsets);
	for (i = 0; i < FILTER_MIN; i++)
		(void)buf_addc(&b, 0xff);
	CHECK(dbenv_begin(t_part->env) == 0, "far apart");
	for (i = 0; i < 2000; i++)
		n += filter_put(t_part, first + i, span_buf(&b)) == 0;
	CHECK(n == 2000 && dbenv_commit(t_part->env) == 0, "%zu put", n);
	for (i = n = 0; i < 2000; i += 100)
		n += filter_get(&r, t_part, first + i).n == FILTER_MIN;
	CHECK(n == 20, "each is found: %zu", n);
	filter_read_end(&r);
	CHECK(dbenv_begin(t_part->env) == 0, "they go");
	for (i = 0; i < 2000; i++)
		(void)filter_drop(t_part, first + i);
	CHECK(dbenv_commit(t_part->env) == 0, "again");
	buf_free(&b);
}

/* ---- slices ------------------------------------------------------------------ */

struct counted {
	struct span	 text;
	size_t		 read;		/* of it, in this step */
};

static ssize_t
counted_read(void *arg, uint64_t off, void *to, size_t n)
{
	struct counted	*c = arg;

	c->read += n;
	return (message_source_span(&c->text, off, to, n));
}

/* Whatever the text, a step takes little of it. */
static void
steps(void)
{
	static const struct {
		const char	*name, *head, *unit;
		int		 filter;	/* or too long */
	} t[] = {
		{ "HTML", TYPE("text/html") "\r\n", "&eacute;&auml;&#1234;",
		    1 },
		{ "long when folded", TYPE("text/plain; charset=utf-8")
		    "\r\n", "\357\267\272", 0 },
		{ "converted", TYPE("text/plain; charset=koi8-r")
		    CODED("base64") "\r\n", "8NLJ18XU8NLJ18XU\r\n", 0 },
		{ "one field", TYPE("text/plain") "Subject:",
		    " =?utf-8?q?=C3=A4=C3=B6=C3=BC?=\r\n", 1 },
		{ "many fields", TYPE("text/plain"),
		    "a: =?utf-8?q?=C3=A4=C3=B6=C3=BC?=\r\n", 1 },
	};
	struct buf			 text = { 0 }, record = { 0 };
	struct counted			 c = { .read = 0 };
	const struct message_source	 src = { counted_read, &c };
	struct filter_build		*f;
	struct mime_parser		*p;
	const struct mime		*m;
	size_t				 i, n, most;
	int				 rc;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&text);
		buf_reset(&record);
		(void)buf_adds(&text, t[i].head);
		while (text.n < FILTER_READ - 100)
			(void)buf_adds(&text, t[i].unit);
		c.text = span_buf(&text);
		p = mime_parser_new(NULL);
		(void)mime_feed(p, c.text);
		m = mime_end(p);
		f = filter_build_new(m, &src, t_store.charsets);
		for (n = most = 0, rc = 1; rc == 1 && record.n == 0; n++) {
			c.read = 0;
			rc = filter_build_step(f, &record);
			most = c.read > most ? c.read : most;
		}
		CHECK(rc == 0 && most <= TEXT_SLICE && (filter_bits(
		    span_buf(&record), t_store.charsets).n > 0) ==
		    t[i].filter, "%s: %zu steps, %zu octets read at most",
		    t[i].name, n, most);
		filter_build_free(f);
		mime_parser_free(p);
	}
	buf_free(&text);
	buf_free(&record);
}

/* ---- moments ----------------------------------------------------------------- */

static int	 full;

int	 fstatvfs(int, struct statvfs *);

/* What the store asks the disk. */
int
fstatvfs(int fd, struct statvfs *sv)
{
	char	 path[32];

	if (full) {
		errno = EIO;
		return (-1);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (statvfs(path, sv));
}

static void
fill(int how)
{
	full = how;
	while (dbenv_writable(t_part->env) == how)
		(void)poll(NULL, 0, 10);
}

/* With a full disk none can be kept: that is not tried all the time. */
static void
rest(void)
{
	size_t	 n = filters(NULL);

	t_store.limits.filter_pause = 0;
	append(messages[2], strlen(messages[2]));
	t_settle();
	t_store.limits.filter_pause = 60000;
	fill(1);
	search("full", "BODY needle", "");
	t_settle();
	filter_missed(t_part, 0);
	CHECK(TAILQ_EMPTY(&t_store.shares) && filters(NULL) == n,
	    "it rests when the disk is full");
	fill(0);
	filter_tick(t_part);
	t_settle();
	CHECK(filters(NULL) == n + 1, "and goes on with the tick");
}

/* When they are made: some time after a delivery, at once when one is missed. */
static void
moments(void)
{
	size_t	 i;

	t_store.limits.filter_pause = 1;
	append(messages[0], strlen(messages[0]));
	for (i = 0; i < 1000 && filters(NULL) == 0; i++)
		t_turn();
	CHECK(filters(NULL) == 1, "made behind a delivery");
	t_store.limits.filter_pause = 0;
	append(messages[1], strlen(messages[1]));
	t_settle();
	CHECK(filters(NULL) == 1, "not at once");
	t_store.limits.filter_pause = 60000;
	search("missed", "BODY needle", "");
	t_settle();
	CHECK(filters(NULL) == 2, "made when it is missed");
}

int
main(void)
{
	uint64_t	 account = 1;
	size_t		 i, n;

	t_open(NULL);
	t_store.charsets = charsets_open();
	t_store.limits.filter_pause = 0;
	t_login(1, account);
	CHECK(t_line(1) != NULL, "logged in");
	for (i = 0; i < nitems(messages); i++)
		append(messages[i], strlen(messages[i]));
	send_line("b SELECT INBOX");
	CHECK(filters(NULL) == 0, "deliveries make none");
	every("without");
	CHECK(filters(NULL) == 0, "nor does a search");
	CHECK(filter_all(t_part) == 0 &&
	    filters(NULL) == nitems(messages), "all are made");
	every("with");
	choice();
	(void)filter_all(t_part);
	sizes();
	pieces(filters(NULL) + 1);
	far();
	n = filters(NULL);
	send_line("c COPY 1:3 INBOX");
	(void)filter_all(t_part);
	CHECK(filters(NULL) == n, "copies share them");
	send_line("d STORE 1:3 +FLAGS (\\Deleted)");
	send_line("e EXPUNGE");
	t_settle();
	CHECK(filters(NULL) == n, "and keep them");
	send_line("f STORE 1:* +FLAGS (\\Deleted)");
	send_line("g EXPUNGE");
	t_settle();
	CHECK(filters(NULL) == 0, "they go with the messages: %zu",
	    filters(NULL));
	steps();
	moments();
	rest();
	t_logout(1);
	charsets_free(t_store.charsets);
	t_store.charsets = NULL;
	t_close();
	t_remove();
	return (t_done());
}
