/*
 * GETMETADATA and SETMETADATA, RFC 5464.  Entries are of the account ("") or of
 * a mailbox; those below /private are the account's own, those below /shared
 * are whatever everybody sees who sees the mailbox.
 */
#include <errno.h>
#include <string.h>

#include "imapd/annotation.h"
#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/notify.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"

#define ENTRIES		100	/* in one command */

enum depth { DEPTH_0, DEPTH_1, DEPTH_ALL };

struct getting {
	struct buf	*out;
	struct account	*account;	/* whose */
	uint64_t	 mailbox;
	uint64_t	 max;		/* octets of a value */
	uint64_t	 longest;	/* of those that are over it */
	enum depth	 depth;
	int		 n;		/* shown */
};

static int	 options(struct cursor *, struct getting *);
static int	 target(struct session *, struct span, uint32_t,
		    struct place *, uint64_t *);
static void	 show(struct session *, struct getting *, struct span name,
		    struct span entry, const struct span *value);
static int	 get(struct session *, struct getting *, struct span name,
		    struct span entry);
static int	 get_all(struct session *, struct getting *, struct span name,
		    const struct span *, size_t);

/* "(" and MAXSIZE, DEPTH in any order, ")": sections 4.2.1 and 4.2.2. */
static int
options(struct cursor *c, struct getting *g)
{
	int	 n;

	if (cur_char(c, '(') == -1)
		return (-1);
	for (n = 0; n == 0 || cur_peek(c) != ')'; n++) {
		if (n == 4 || (n > 0 && cur_sp(c) == -1))
			return (-1);
		if (cur_is(c, "MAXSIZE") == 0) {
			if (cur_sp(c) == -1 ||
			    cur_number(c, UINT32_MAX, &g->max) == -1)
				return (-1);
			continue;
		}
		if (cur_is(c, "DEPTH") == -1 || cur_sp(c) == -1)
			return (-1);
		if (cur_is(c, "0") == 0)
			g->depth = DEPTH_0;
		else if (cur_is(c, "1") == 0)
			g->depth = DEPTH_1;
		else if (cur_is(c, "infinity") == 0)
			g->depth = DEPTH_ALL;
		else
			return (-1);
	}
	return (cur_char(c, ')'));
}

/* One entry or several in "(" ")"; how many, or -1. */
static int
entries(struct cursor *c, struct span names[ENTRIES])
{
	int	 n = 0;

	if (cur_peek(c) != '(')
		return (cur_entry(c, &names[0]) == -1 ? -1 : 1);
	(void)cur_char(c, '(');
	do {
		if (n == ENTRIES || (n > 0 && cur_sp(c) == -1) ||
		    cur_entry(c, &names[n++]) == -1)
			return (-1);
	} while (cur_peek(c) != ')');
	return (cur_char(c, ')') == -1 ? -1 : n);
}

/* The account itself or the mailbox of that name, on which one of these rights is
 * needed. */
static int
target(struct session *s, struct span name, uint32_t rights, struct place *w,
    uint64_t *id)
{
	*id = 0;
	if (name.n == 0) {
		memset(w, 0, sizeof(*w));
		w->account = s->account;
		return (0);
	}
	if (place_find(s, name, w) == -1)
		return (-1);
	*id = w->mb->id;
	errno = EACCES;
	return ((w->rights & rights) != 0 ? 0 : -1);
}

/* Those of a mailbox are its owner's alone. */
static int
is_hidden(const struct session *s, const struct getting *g, struct span entry)
{
	return (g->account != s->account && !span_caseprefix(entry,
	    "/shared/"));
}

static void
show(struct session *s, struct getting *g, struct span name,
    struct span entry, const struct span *value)
{
	if (is_hidden(s, g, entry)) {
		if (value != NULL && g->depth != DEPTH_0)
			return;
		value = NULL;
	}
	if (value != NULL && value->n > g->max) {
		if (value->n > g->longest)
			g->longest = value->n;
		return;
	}
	if (g->n++ == 0) {
		(void)buf_adds(g->out, "* METADATA ");
		mailbox_write(g->out, name, s->enabled & ENABLED_UTF8);
		(void)buf_adds(g->out, " (");
	}
	astring_write(g->out, entry, g->n > 1);
	if (value == NULL)
		(void)buf_adds(g->out, " NIL");
	else {
		/* as literal8 where no other string can have it */
		(void)buf_adds(g->out, span_find(*value, '\0') != -1 ? " ~" :
		    " ");
		string_write(g->out, *value);
	}
}

/* The entry, and those below it. */
static int
get(struct session *s, struct getting *g, struct span name, struct span entry)
{
	struct annotation	 at = { .n = 0 };
	struct span		 value;
	uint8_t			 below[ANNOTATION_NAME];
	int			 rc;

	if (annotation_get(g->account, g->mailbox, entry, &value) == 0)
		show(s, g, name, entry, &value);
	else if (errno != ENOENT)
		return (-1);
	else if (g->depth == DEPTH_0)
		show(s, g, name, entry, NULL);
	if (g->depth == DEPTH_0 || entry.n == ANNOTATION_NAME)
		return (0);
	memcpy(below, entry.p, entry.n);
	below[entry.n] = '/';
	while ((rc = annotation_next(g->account, g->mailbox, span_of(below,
	    entry.n + 1), &at)) == 1)
		if (g->depth == DEPTH_ALL || memchr(at.name.p + entry.n + 1,
		    '/', at.name.n - entry.n - 1) == NULL)
			show(s, g, name, at.name, &at.value);
	return (rc);
}

/* All that is asked of one name. */
static int
get_all(struct session *s, struct getting *g, struct span name,
    const struct span *names, size_t n)
{
	size_t		 i;
	int		 rc;

	g->out = session_out(s);
	session_hold(s, g->account->seq);
	for (i = 0, rc = 0; i < n && rc == 0; i++)
		rc = get(s, g, name, names[i]);
	if (g->n > 0)
		(void)buf_adds(g->out, ")\r\n");
	return (rc);
}

int
cmd_metadata_write(struct session *s, const struct mailbox *mb,
    const struct span *names, size_t n)
{
	struct getting	 g = { .account = mb->account, .mailbox = mb->id,
			    .max = UINT64_MAX };
	struct buf	 name = { 0 };
	int		 rc;

	place_name(s, mb, &name);
	rc = get_all(s, &g, span_buf(&name), names, n);
	buf_free(&name);
	return (rc);
}

/* The options stand before the mailbox in the grammar, behind it in examples of
 * some; both are taken. */
enum step
cmd_getmetadata(struct session *s, struct cursor *c)
{
	struct getting	 g = { .max = UINT64_MAX };
	struct place	 w;
	struct span	 name, names[ENTRIES];
	struct cursor	 back;
	int		 n;

	if (cur_sp(c) == -1 ||
	    (cur_peek(c) == '(' && (options(c, &g) == -1 ||
	    cur_sp(c) == -1)) ||
	    cur_mailbox(c, &name) == -1 || cur_sp(c) == -1)
		return (session_syntax(s, c));
	back = *c;
	if (cur_peek(c) == '(' && (options(c, &g) == -1 || cur_sp(c) == -1))
		*c = back;
	if ((n = entries(c, names)) == -1 || cur_end(c) == -1)
		return (session_syntax(s, c));
	if (target(s, name, RIGHTS_METADATA, &w, &g.mailbox) == -1)
		return (session_no(s, errno));
	g.account = w.account;
	if (get_all(s, &g, name, names, (size_t)n) == -1)
		return (session_no(s, errno));
	if (g.longest > 0)
		return (session_replyf(s, "OK [METADATA LONGENTRIES %llu] "
		    "GETMETADATA completed", (unsigned long long)g.longest));
	return (session_reply(s, "OK GETMETADATA completed"));
}

/* May these be set?  The answer when not. */
static const char *
refused(const struct span *names, const struct span *values,
    const int *nils, int n, uint64_t mailbox, int other)
{
	int	 i;

	for (i = 0; i < n; i++) {
		if (!span_caseprefix(names[i], "/private/") &&
		    !span_caseprefix(names[i], "/shared/"))
			return ("NO [CANNOT] an entry is below /private/ or "
			    "/shared/");
		if (other && !span_caseprefix(names[i], "/shared/"))
			return ("NO [METADATA NOPRIVATE] what is private "
			    "is the owner's");
		if (mailbox == 0 && names[i].p[1] != 'p' &&
		    names[i].p[1] != 'P')
			return ("NO [NOPERM] what is shared by all is not "
			    "yours to set");
		if (!nils[i] && annotation_is_ours(mailbox, names[i]))
			return ("NO [NOPERM] what is below "
			    ANNOTATION_OURS " is the service's");
		if (!nils[i] && values[i].n > ANNOTATION_VALUE)
			return ("NO [METADATA MAXSIZE 32768] too large");
	}
	return (NULL);
}

/* nstring or literal8, RFC 5464 section 5. */
static int
value(struct cursor *c, struct span *v, int *nil)
{
	if (cur_peek(c) != '~')
		return (cur_nstring(c, v, nil));
	*nil = 0;
	(void)cur_char(c, '~');
	return (cur_octets(c, v));
}

enum step
cmd_setmetadata(struct session *s, struct cursor *c)
{
	struct part	*p = s->account->part;
	struct annotation_sum sum = { 0 };
	struct place	 w;
	struct span	 name, names[ENTRIES], values[ENTRIES];
	const char	*why;
	uint64_t	 mailbox;
	int		 nils[ENTRIES], i, n = 0, rc = 0;

	if (cur_sp(c) == -1 || cur_mailbox(c, &name) == -1 ||
	    cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (session_syntax(s, c));
	do {
		if (n == ENTRIES || (n > 0 && cur_sp(c) == -1) ||
		    cur_entry(c, &names[n]) == -1 || cur_sp(c) == -1 ||
		    value(c, &values[n], &nils[n]) == -1)
			return (session_syntax(s, c));
		n++;
	} while (cur_peek(c) != ')');
	if (cur_char(c, ')') == -1 || cur_end(c) == -1)
		return (session_syntax(s, c));
	/* Section 3.3 says what is needed at least; who only reads does not
	 * change what all see. */
	if (target(s, name, RIGHT_WRITE, &w, &mailbox) == -1)
		return (session_no(s, errno));
	if ((why = refused(names, values, nils, n, mailbox, w.other)) != NULL)
		return (session_reply(s, why));
	if (!cmd_writable(s))
		return (STEP_DONE);
	if (batch_begin(p) == -1)
		return (session_no(s, errno));
	if (w.mb != NULL)		/* RFC 7162 section 3.2 */
		rc = batch_touch(w.mb);
	for (i = 0; i < n && rc == 0; i++)
		rc = annotation_set(w.account, mailbox, names[i],
		    nils[i] ? NULL : &values[i], &sum);
	if (rc == -1) {
		rc = errno;
		batch_abort();
		return (rc == EMLINK ? session_reply(s,
		    "NO [METADATA TOOMANY] there are too many") :
		    session_no(s, rc));
	}
	if (batch_commit() == -1)
		return (session_no(s, errno));
	w.account->seq = dbenv_seq(p->env);
	session_hold(s, w.account->seq);
	notify_metadata(w.account, w.mb, names, (size_t)n);
	return (session_reply(s, "OK SETMETADATA completed"));
}
