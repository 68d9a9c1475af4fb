/*
 * "letterctl import imap": the mailboxes of an account at another server, read
 * over TLS and without a mark on them (EXAMINE, BODY.PEEK).  Each message says
 * how far it brings the import of its mailbox (import.h, mbox.h); what was
 * imported before is not fetched again.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "letterctl/import.h"
#include "letterctl/import_names.h"
#include "netclient.h"

#define BATCH		50		/* messages in one command */
#define LINE_MAX_	(16u << 20)	/* octets: a list of UIDs is one line */
#define MESSAGE_MAX	UINT32_MAX	/* octets: the service takes no more */
#define MAILBOXES	10000
#define NAMES_MAX	32		/* --exclude, or named */

struct remote {
	char	*name;			/* as the server has it */
	char	*mailbox;		/* as it is here, UTF-8 */
	int	 others;		/* what others share */
};

struct import {
	/* what was asked for */
	const char		*account, *host, *port, *user, *ca;
	int			 starttls;
	char			*excluded[NAMES_MAX], *named[NAMES_MAX];
	size_t			 nexcluded, nnamed;
	struct buf		 password;

	struct import_out	*out;
	struct netlogin		 login;
	struct imapclient	*c;
	struct buf		 text;		/* of the response */
	struct import_spaces	 spaces;
	struct remote		*remotes;
	size_t			 n;

	/* the mailbox at work */
	const struct remote	*at;
	uint64_t		 validity, done;
	uint64_t		*uids;
	size_t			 nuids, next;	/* which is expected */
	char			 key[IMPORT_KEY];	/* of its marks */
	FILE			*spool;		/* the message */
	uint64_t		 size;
	int			 last;		/* its last octet */
	int			 failed;	/* errno of writing it */
};

static int	 on_data(void *, enum imapclient_piece, struct span);
static int	 response(struct import *);

static enum imapclient_sasl_answer
on_sasl(void *arg, enum imapclient_sasl_event what, struct span data,
    struct buf *mech, struct buf *out)
{
	struct import	*x = arg;

	return (netlogin_imap(&x->login, what, data, mech, out));
}

/* Let the command at work end.  0 when it was OK; else why is said. */
static int
finish(struct import *x, const char *what)
{
	if (netclient_imap(x->login.net, x->c) != IMAPCLIENT_READY)
		warnx("%s: %s", x->host, imapclient_error(x->c));
	else if (imapclient_result(x->c) != IMAPCLIENT_OK)
		warnx("%s: %s: %s", x->host, what, imapclient_text(x->c));
	else
		return (0);
	return (-1);
}

/* ---- responses -------------------------------------------------------------- */

/* A literal of a FETCH is the message; any other is part of the text. */
static int
literal(struct import *x, struct span s)
{
	size_t	 i;

	if (x->uids != NULL) {
		if (s.n > 0 && fwrite(s.p, 1, s.n, x->spool) != s.n)
			x->failed = errno;
		x->size += s.n;
		if (s.n > 0)
			x->last = s.p[s.n - 1];
		return (0);
	}
	for (i = x->text.n; i > 0 && x->text.p[i - 1] != '{'; i--)
		continue;
	if (i > 0)			/* in place of its announcement */
		buf_truncate(&x->text, i - 1);
	return (buf_add_quoted(&x->text, s));
}

static int
on_data(void *arg, enum imapclient_piece piece, struct span s)
{
	struct import	*x = arg;
	int		 rc;

	switch (piece) {
	case IMAPCLIENT_TEXT:
		return (buf_add_span(&x->text, s));
	case IMAPCLIENT_LITERAL:
		return (literal(x, s));
	default:
		rc = response(x);
		buf_reset(&x->text);
		if (x->spool != NULL) {
			rewind(x->spool);
			x->size = 0;
		}
		return (rc);
	}
}

/* "(" attributes ")" SP separator SP name; 1: it can be selected. */
static int
on_list(struct import *x, struct cursor *c)
{
	struct span	 s, name;
	struct remote	*nv;
	int		 nil, none = 0, separator = 0;

	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (0);
	while (cur_peek(c) != ')') {
		(void)cur_sp(c);
		if (cur_char(c, '\\') == -1 || cur_atom(c, &s) == -1)
			return (0);
		none |= span_caseeqs(s, "Noselect") ||
		    span_caseeqs(s, "NonExistent") || span_caseeqs(s,
		    "Flagged");		/* a view of others */
	}
	if (cur_char(c, ')') == -1 || cur_sp(c) == -1 ||
	    cur_nstring(c, &s, &nil) == -1 || cur_sp(c) == -1 ||
	    cur_astring(c, &name) == -1 || none || x->n == MAILBOXES)
		return (0);
	if (!nil && s.n == 1)
		separator = s.p[0];
	if ((nv = reallocarray(x->remotes, x->n + 1, sizeof(*nv))) == NULL)
		return (-1);
	x->remotes = nv;
	nv[x->n].name = span_dup(name);
	nv[x->n].mailbox = import_local(&x->spaces, name, separator);
	nv[x->n].others = import_is_of_others(&x->spaces, name);
	if (nv[x->n].name == NULL || nv[x->n].mailbox == NULL)
		return (-1);
	x->n++;
	return (0);
}

static int
on_search(struct import *x, struct cursor *c)
{
	uint64_t	*nv, uid;

	while (cur_sp(c) == 0 && cur_number(c, UINT32_MAX, &uid) == 0) {
		if (uid <= x->done)
			continue;	/* "n:*" has the last in any case */
		if ((x->nuids & (x->nuids - 1)) == 0) {
			nv = reallocarray(x->uids, x->nuids == 0 ? 1 :
			    x->nuids * 2, sizeof(*nv));
			if (nv == NULL)
				return (-1);
			x->uids = nv;
		}
		x->uids[x->nuids++] = uid;
	}
	return (0);
}

/* ---- messages ---------------------------------------------------------------- */

struct fetched {
	uint64_t	 uid;
	int64_t		 date;
	int		 zone;
	struct buf	 flags;
	int		 body;
};

static int
fetched_flags(struct cursor *c, struct fetched *f)
{
	struct span	 s;
	int		 system;

	if (cur_char(c, '(') == -1)
		return (-1);
	while (cur_peek(c) != ')') {
		(void)cur_sp(c);
		system = cur_char(c, '\\') == 0;
		if (cur_atom(c, &s) == -1)
			return (-1);
		if (system && span_caseeqs(s, "Recent"))
			continue;
		(void)buf_addf(&f->flags, "%s%s%.*s", f->flags.n > 0 ? " " :
		    "", system ? "\\" : "", (int)s.n, (const char *)s.p);
	}
	return (cur_char(c, ')'));
}

/* The items of a FETCH, in any order; "{n}" stands where the message was. */
static int
fetched_items(struct import *x, struct cursor *c, struct fetched *f)
{
	struct span	 s;
	uint64_t	 n;
	int		 nil, any = 0;

	while (cur_peek(c) != ')') {
		if (any++ && cur_sp(c) == -1)
			return (-1);
		if (cur_is(c, "UID") == 0) {
			if (cur_sp(c) == -1 ||
			    cur_number(c, UINT32_MAX, &f->uid) == -1)
				return (-1);
		} else if (cur_is(c, "FLAGS") == 0) {
			if (cur_sp(c) == -1 || fetched_flags(c, f) == -1)
				return (-1);
		} else if (cur_is(c, "INTERNALDATE") == 0) {
			if (cur_sp(c) == -1 ||
			    cur_date_time(c, &f->date, &f->zone) == -1)
				return (-1);
		} else if (cur_is(c, "BODY") == 0 && cur_char(c, '[') == 0 &&
		    cur_char(c, ']') == 0 && cur_sp(c) == 0) {
			if (cur_char(c, '{') == 0) {
				if (cur_number(c, MESSAGE_MAX, &n) == -1 ||
				    cur_char(c, '}') == -1)
					return (-1);
				f->body = 1;
			} else if (cur_nstring(c, &s, &nil) == -1)
				return (-1);
			else if (!nil) {
				f->body = 1;
				(void)literal(x, s);
			}
		} else
			return (-1);
	}
	return (0);
}

/* All up to this one are there, unless one before it is still to come. */
static void
arrived(struct import *x, uint64_t uid)
{
	if (x->next < x->nuids && x->uids[x->next] == uid) {
		x->next++;
		x->done = uid;
	}
}

static int
hand_on(struct import *x, struct fetched *f)
{
	struct mbox_meta	 m = { .date = f->date, .zone = f->zone };
	struct buf		 b = { 0 };
	uint8_t			 room[IMPORT_PIECE];
	uint64_t		 left = x->size;
	size_t			 n;

	m.mailbox = span_str(x->at->mailbox);
	m.flags = span_buf(&f->flags);
	m.noeol = x->last != '\n';
	arrived(x, f->uid);
	(void)buf_addf(&b, "%s:%llu.%llu", x->key,
	    (unsigned long long)x->validity, (unsigned long long)x->done);
	m.mark = span_buf(&b);
	import_begin(x->out, &m);
	rewind(x->spool);
	while (left > 0) {
		n = left < sizeof(room) ? (size_t)left : sizeof(room);
		if ((n = fread(room, 1, n, x->spool)) == 0)
			err(EXIT_REFUSED, "temporary file");
		import_octets(x->out, span_of(room, n));
		left -= n;
	}
	import_end(x->out);
	buf_free(&b);
	return (0);
}

static int
on_fetch(struct import *x, struct cursor *c)
{
	struct fetched	 f = { .date = -1 };
	int		 rc = 0;

	if (cur_sp(c) == -1 || cur_char(c, '(') == -1 ||
	    fetched_items(x, c, &f) == -1) {
		warnx("%s: %s: cannot be understood: %.80s", x->host,
		    x->at->name, buf_cstr(&x->text));
		rc = -1;
	} else if (x->failed != 0) {
		errno = x->failed;
		warn("temporary file");
		rc = -1;
	} else if (f.uid != 0 && f.body && x->size > 0)
		rc = hand_on(x, &f);
	else if (f.uid != 0) {
		arrived(x, f.uid);
		warnx("%s: UID %llu is empty or cannot be had, left out",
		    x->at->name, (unsigned long long)f.uid);
		import_missed(x->out);
	}
	buf_free(&f.flags);
	return (rc);
}

static int
response(struct import *x)
{
	struct buf	 scratch = { 0 };
	struct cursor	 c;
	uint64_t	 n;
	int		 rc = 0;

	cursor_init_span(&c, span_buf(&x->text), &scratch);
	if (cur_char(&c, '*') == -1 || cur_sp(&c) == -1)
		return (0);
	if (cur_is(&c, "LIST") == 0)
		rc = on_list(x, &c);
	else if (cur_is(&c, "NAMESPACE") == 0)
		import_namespace(&x->spaces, &c);
	else if (cur_is(&c, "SEARCH") == 0)
		rc = on_search(x, &c);
	else if (cur_is(&c, "OK") == 0) {
		if (cur_sp(&c) == 0 && cur_char(&c, '[') == 0 &&
		    cur_is(&c, "UIDVALIDITY") == 0 && cur_sp(&c) == 0)
			(void)cur_number(&c, UINT32_MAX, &x->validity);
	} else if (cur_number(&c, UINT32_MAX, &n) == 0 && cur_sp(&c) == 0 &&
	    cur_is(&c, "FETCH") == 0 && x->spool != NULL && x->uids != NULL)
		rc = on_fetch(x, &c);
	buf_free(&scratch);
	return (rc);
}

/* ---- mailboxes --------------------------------------------------------------- */

/* Where was it left?  Its marks have a key of server, user and name. */
static int
where(struct import *x)
{
	struct buf	 of = { 0 }, what = { 0 };
	struct span	 s, v;
	uint64_t	 validity, uid;
	int		 rc;

	(void)buf_addf(&of, "%s %s %s", x->host, x->user, x->at->name);
	rc = import_mark(x->account, &of, x->key, &what);
	s = span_buf(&what);
	x->done = 0;
	if (span_split(&s, '.', &v) == 1 &&
	    span_num(v, UINT32_MAX, &validity) == 0 &&
	    span_num(s, UINT32_MAX, &uid) == 0 && validity == x->validity)
		x->done = uid;
	buf_free(&of);
	buf_free(&what);
	return (rc);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t	 x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y ? -1 : x > y);
}

static int
fetch(struct import *x, size_t from, size_t n)
{
	struct buf	 set = { 0 };
	size_t		 i;
	int		 rc;

	for (i = from; i < from + n; i++)
		(void)buf_addf(&set, "%s%llu", i > from ? "," : "",
		    (unsigned long long)x->uids[i]);
	rc = buf_failed(&set) || imapclient_begin(x->c, "UID FETCH") == -1 ||
	    imapclient_atom(x->c, span_buf(&set)) == -1 ||
	    imapclient_atom(x->c, span_str("(UID FLAGS INTERNALDATE "
	    "BODY.PEEK[])")) == -1 ? -1 : finish(x, x->at->name);
	buf_free(&set);
	/* Those that did not come are gone. */
	x->next = from + n;
	if (rc == 0)
		x->done = x->uids[from + n - 1];
	return (rc);
}

/* 0; -1: the connection, or the service here, is no more. */
static int
mailbox(struct import *x)
{
	struct buf	 range = { 0 };
	size_t		 i, n;
	int		 rc;

	x->validity = 0;
	free(x->uids);
	x->uids = NULL;
	x->nuids = x->next = 0;
	if (imapclient_begin(x->c, "EXAMINE") == -1 ||
	    imapclient_string(x->c, span_str(x->at->name)) == -1)
		return (-1);
	if (finish(x, x->at->name) == -1) {
		import_missed(x->out);
		return (imapclient_result(x->c) == IMAPCLIENT_NO ? 0 : -1);
	}
	if (where(x) == -1)
		return (-1);
	(void)buf_addf(&range, "%llu:*", (unsigned long long)x->done + 1);
	rc = imapclient_begin(x->c, "UID SEARCH UID") == -1 ||
	    imapclient_atom(x->c, span_buf(&range)) == -1 ? -1 :
	    finish(x, x->at->name);
	buf_free(&range);
	if (rc == 0 && x->nuids > 0)
		qsort(x->uids, x->nuids, sizeof(*x->uids), by_number);
	import_at(x->out, x->at->mailbox, x->nuids);
	for (i = 0; i < x->nuids && rc == 0; i += n) {
		n = x->nuids - i < BATCH ? x->nuids - i : BATCH;
		rc = fetch(x, i, n);
	}
	if (rc == 0 && x->nuids == 0 && x->done == 0)
		import_folder(x->out, x->at->mailbox);
	return (rc);
}

static int
is_wanted(const struct import *x, const struct remote *r)
{
	size_t	 i;

	for (i = 0; i < x->nexcluded; i++)
		if (import_is(r->mailbox, x->excluded[i]))
			return (0);
	for (i = 0; i < x->nnamed; i++)
		if (import_is(r->mailbox, x->named[i]))
			return (1);
	return (x->nnamed == 0 && !r->others);
}

/* By the strongest mechanism; by LOGIN where the server has none. */
static int
login(struct import *x)
{
	if (netclient_imap(x->login.net, x->c) != IMAPCLIENT_READY) {
		warnx("%s: %s", x->host, imapclient_error(x->c));
		return (-1);
	}
	if (imapclient_authenticated(x->c))
		return (0);
	if (imapclient_login(x->c, x->login.who.user,
	    x->login.who.password) == -1) {
		warnx("%s: name or password cannot be sent by LOGIN", x->host);
		return (-1);
	}
	return (finish(x, "login"));
}

static int
mailboxes(struct import *x)
{
	size_t	 i, n = 0;

	if (login(x) == -1)
		return (-1);
	if (imapclient_can(x->c, "NAMESPACE") &&
	    (imapclient_begin(x->c, "NAMESPACE") == -1 ||
	    finish(x, "NAMESPACE") == -1))
		return (-1);
	if (imapclient_begin(x->c, "LIST") == -1 ||
	    imapclient_string(x->c, span_str("")) == -1 ||
	    imapclient_string(x->c, span_str("*")) == -1 ||
	    finish(x, "LIST") == -1)
		return (-1);
	if ((x->spool = tmpfile()) == NULL) {
		warn("temporary file");
		return (-1);
	}
	for (i = 0; i < x->n; i++) {
		if (!is_wanted(x, &x->remotes[i]))
			continue;
		n++;
		x->at = &x->remotes[i];
		if (import_can_be(x->out, x->at->mailbox) == 0 &&
		    mailbox(x) == -1)
			return (-1);
	}
	if (n == 0) {
		warnx("%s: no mailbox of those", x->host);
		return (-1);
	}
	if (imapclient_logout(x->c) == 0)
		(void)netclient_imap(x->login.net, x->c);
	return (0);
}

static void
import_free(struct import *x)
{
	size_t	 i;

	for (i = 0; i < x->n; i++) {
		free(x->remotes[i].name);
		free(x->remotes[i].mailbox);
	}
	free(x->remotes);
	free(x->uids);
	if (x->spool != NULL)
		fclose(x->spool);
	buf_free(&x->text);
	import_spaces_free(&x->spaces);
	netlogin_clear(&x->login);
	imapclient_free(x->c);
	netclient_free(x->login.net);
}

static int
produce(void *arg, struct import_out *out)
{
	struct import			*x = arg;
	struct buf			 why = { 0 };
	struct netclient_settings	 to = { .host = x->host,
					    .port = x->port };
	struct imapclient_settings	 set = { .sasl = on_sasl,
					    .data = on_data, .arg = x,
					    .by_login = 1,
					    .line_max = LINE_MAX_,
					    .literal_max = MESSAGE_MAX };
	int				 rc = -1;

	x->out = out;
	set.sasl_arg = x;
	set.tls = x->starttls ? IMAPCLIENT_TLS_REQUIRED :
	    IMAPCLIENT_TLS_IMPLICIT;
	x->login.who.user = span_str(x->user);
	x->login.who.password = span_buf(&x->password);
	if ((to.tls = tlsctx_client_new(x->ca, &why)) == NULL ||
	    (x->login.net = netclient_open(&to, &why)) == NULL)
		warnx("%s", why.n > 0 ? buf_cstr(&why) : "no memory");
	else if (!x->starttls && netclient_tls(x->login.net) == -1)
		warnx("%s: %s", x->host, netclient_error(x->login.net));
	else if ((x->c = imapclient_new(&set)) == NULL)
		warnx("no memory");
	else
		rc = mailboxes(x);
	import_free(x);
	tlsctx_client_free(to.tls);
	buf_free(&why);
	buf_freezero(&x->password);
	return (rc);
}

/* The options in front; how many words they are, or -1. */
static int
options(struct import *x, int argc, char **argv)
{
	int	 i;

	for (i = 0; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--starttls") == 0)
			x->starttls = 1;
		else if (strcmp(argv[i], "--ca") == 0 && i + 1 < argc) {
			x->ca = argv[++i];
			if (access(x->ca, R_OK) == -1)
				err(EXIT_USAGE_, "%s", x->ca);
		} else if (strcmp(argv[i], "--exclude") == 0 && i + 1 < argc &&
		    x->nexcluded < NAMES_MAX)
			x->excluded[x->nexcluded++] = argv[++i];
		else
			return (-1);
	}
	return (i);
}

int
import_imap(int argc, char **argv)
{
	struct import	 x = { .port = NULL };
	char		*colon, *host;
	int		 i, rc;

	if ((i = options(&x, argc, argv)) == -1 || argc - i < 3 ||
	    argc - i > 3 + NAMES_MAX) {
		fprintf(stderr, "usage: letterctl import imap %s\n",
		    IMPORT_IMAP_USAGE);
		return (EXIT_USAGE_);
	}
	x.account = argv[i++];
	if ((host = strdup(argv[i++])) == NULL)
		err(EXIT_AWAY, NULL);
	if ((colon = strrchr(host, ':')) != NULL &&
	    strchr(host, ':') == colon) {
		*colon = '\0';
		x.port = colon + 1;
	}
	if (x.port == NULL)
		x.port = x.starttls ? "143" : "993";
	x.host = host;
	x.user = argv[i++];
	while (i < argc)
		x.named[x.nnamed++] = argv[i++];
	if (read_password(&x.password, 0) == -1) {
		buf_freezero(&x.password);
		free(host);
		return (EXIT_USAGE_);
	}
	rc = import_run(x.account, produce, &x);
	buf_freezero(&x.password);
	free(host);
	return (rc);
}
