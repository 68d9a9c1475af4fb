/*
 * STATUS, RFC 3501 section 6.3.10, APPENDLIMIT of RFC 7889 section 4.
 */
#include <errno.h>

#include "imapd/cmd.h"
#include "imapd/parse/write.h"

#define ITEMS_MAX	32	/* in one command */

static const struct {
	const char	*name;
	unsigned	 bit;
} items[] = {
	{ "MESSAGES",		1u << 0 },
	{ "RECENT",		1u << 1 },
	{ "UIDNEXT",		1u << 2 },
	{ "UIDVALIDITY",	1u << 3 },
	{ "UNSEEN",		1u << 4 },
	{ "APPENDLIMIT",	1u << 5 },
};

static int	 parse(struct cursor *, unsigned *);
static int	 recent(const struct mailbox *, uint32_t *);

static int
parse(struct cursor *c, unsigned *what)
{
	struct span	 word;
	size_t		 i;
	int		 n;

	*what = 0;
	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	for (n = 0; n == 0 || cur_peek(c) != ')'; n++) {
		if (n == ITEMS_MAX || (n > 0 && cur_sp(c) == -1) ||
		    cur_word(c, &word) == -1)
			return (-1);
		for (i = 0; i < nitems(items); i++)
			if (span_caseeqs(word, items[i].name))
				break;
		if (i == nitems(items)) {
			c->error = "unknown STATUS item";
			return (-1);
		}
		*what |= items[i].bit;
	}
	if (cur_char(c, ')') == -1)
		return (-1);
	return (cur_end(c));
}

/* Nobody has claimed these.  Usually few, or the mailbox is in memory. */
static int
recent(const struct mailbox *mb, uint32_t *n)
{
	const struct view	*v = mb->view;
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[12], kp[8];
	int			 rc;

	*n = 0;
	if (mb->st.recent >= mb->st.uidnext)
		return (0);
	if (mb->st.recent <= 1) {	/* nobody has opened it yet */
		*n = mb->st.messages;
		return (0);
	}
	if (v != NULL && v->loaded) {
		*n = (uint32_t)(v->n - view_lower(v, mb->st.recent));
		return (0);
	}
	dbenv_iter_init(&it, mb->account->part->index,
	    key_msg(k, mb->id, mb->st.recent), key_u64(kp, mb->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		if (key_uid(key) < mb->st.uidnext)
			(*n)++;
	}
	dbenv_iter_free(&it);
	return (rc);
}

enum step
cmd_status(struct session *s, struct cursor *c)
{
	struct buf		*b = session_out(s);
	const struct mailbox	*mb;
	struct span		 name;
	const char		*sp = "";
	uint64_t		 v[nitems(items)];
	uint32_t		 nrecent = 0;
	unsigned		 what;
	size_t			 i;

	if (cur_sp(c) == -1 || cur_mailbox(c, &name) == -1 ||
	    parse(c, &what) == -1)
		return (session_syntax(s, c));
	if ((mb = mailbox_named(s->account, name)) == NULL)
		return (session_no(s, ENOENT));
	if ((what & 1u << 1) != 0 && recent(mb, &nrecent) == -1)
		return (session_no(s, errno));
	session_hold(s, mb->seq);
	v[0] = mb->st.messages;
	v[1] = nrecent;
	v[2] = mb->st.uidnext;
	v[3] = mb->uidvalidity;
	v[4] = mb->st.unseen;
	v[5] = s->max_message;
	(void)buf_adds(b, "* STATUS ");
	mailbox_write(b, name, s->enabled & ENABLED_UTF8);
	(void)buf_adds(b, " (");
	for (i = 0; i < nitems(items); i++) {
		if ((what & items[i].bit) == 0)
			continue;
		(void)buf_addf(b, "%s%s %llu", sp, items[i].name,
		    (unsigned long long)v[i]);
		sp = " ";
	}
	(void)buf_adds(b, ")\r\n");
	return (session_reply(s, "OK STATUS completed"));
}
