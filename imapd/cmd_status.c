/*
 * STATUS, RFC 3501 section 6.3.10, APPENDLIMIT of RFC 7889 section 4, SIZE of
 * RFC 8438, HIGHESTMODSEQ of RFC 7162, DELETED of RFC 9051, DELETED-STORAGE of
 * RFC 9208 section 4.1.4, MAILBOXID of RFC 8474.
 */
#include <errno.h>

#include "imapd/cmd.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"

static int	 recent(const struct mailbox *, uint32_t *);
static int	 deleted_octets(const struct mailbox *, uint64_t *);

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

/* RFC 9208 section 4.1.4, in octets. */
static int
deleted_octets(const struct mailbox *mb, uint64_t *sum)
{
	const struct view	*v = mb->view;
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	uint8_t			 k[12], kp[8];
	size_t			 i;
	int			 rc;

	*sum = 0;
	if (mb->st.deleted == 0)
		return (0);
	if (v != NULL && v->loaded) {
		for (i = 0; i < v->n; i++)
			if ((v->recs[i].flags & MF_DELETED) != 0)
				*sum += v->recs[i].size;
		return (0);
	}
	dbenv_iter_init(&it, mb->account->part->index, key_msg(k, mb->id, 1),
	    key_u64(kp, mb->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		if (rc == 1 && key_uid(key) < mb->st.uidnext &&
		    msgrec_get(val, &r) == 0 &&
		    (r.flags & MF_DELETED) != 0)
			*sum += r.size;
	}
	dbenv_iter_free(&it);
	return (rc);
}

int
cmd_status_write(struct session *s, const struct mailbox *mb, unsigned what)
{
	struct buf	*b = session_out(s);
	const char	*sp = "";
	uint64_t	 v[STATUS_ITEMS];
	uint64_t	 gone = 0;
	uint32_t	 nrecent = 0;
	unsigned	 i;

	if (((what & 1u << STATUS_RECENT) != 0 && recent(mb, &nrecent) == -1) ||
	    ((what & 1u << STATUS_DELETED_STORAGE) != 0 &&
	    deleted_octets(mb, &gone) == -1))
		return (-1);
	session_hold_mailbox(s, mb);
	v[STATUS_MESSAGES] = mb->st.messages;
	v[STATUS_RECENT] = nrecent;
	v[STATUS_UIDNEXT] = mb->st.uidnext;
	v[STATUS_UIDVALIDITY] = mb->uidvalidity;
	v[STATUS_UNSEEN] = mb->st.unseen;
	v[STATUS_APPENDLIMIT] = s->limits.message;
	v[STATUS_SIZE] = mb->st.octets;
	v[STATUS_HIGHESTMODSEQ] = mb->st.modseq;
	v[STATUS_DELETED] = mb->st.deleted;
	v[STATUS_DELETED_STORAGE] = gone;
	(void)buf_adds(b, "* STATUS ");
	place_write(s, mb, b);
	(void)buf_adds(b, " (");
	for (i = 0; i < STATUS_ITEMS; i++) {
		if ((what & 1u << i) == 0)
			continue;
		(void)buf_addf(b, "%s%s ", sp, status_name(i));
		if (i == STATUS_MAILBOXID) {
			(void)buf_addc(b, '(');
			objectid_write(b, OBJECTID_MAILBOX, mb->id);
			(void)buf_addc(b, ')');
		} else
			number_write(b, v[i]);
		sp = " ";
	}
	(void)buf_adds(b, ")\r\n");
	return (0);
}

enum step
cmd_status(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;
	unsigned	 what;

	if (cur_sp(c) == -1 || cur_mailbox(c, &name) == -1 ||
	    cur_sp(c) == -1 || cur_status_items(c, &what) == -1 ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	if (place_need(s, name, RIGHT_READ, &w) == -1)
		return (session_no(s, errno));
	if ((what & 1u << STATUS_HIGHESTMODSEQ) != 0)
		cmd_condstore(s);
	if (cmd_status_write(s, w.mb, what) == -1)
		return (session_no(s, errno));
	return (session_reply(s, "OK STATUS completed"));
}
