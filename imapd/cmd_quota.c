/*
 * GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208.  Limits are set by the
 * administrator in the configuration alone, so QUOTASET is not announced.
 */
#include <errno.h>

#include "imapd/cmd.h"
#include "imapd/parse/write.h"
#include "imapd/quota.h"

static void	 write_quota(struct session *);

/* STORAGE counts units of 1024 octets (section 5.1): what is used, rounded up,
 * what may be, down. */
static void
write_quota(struct session *s)
{
	const struct store_limits	*l = &s->store->limits;
	struct buf			*b = session_out(s);
	struct usage			 u;
	const char			*sp = "";
	size_t				 i;

	for (i = 0; i < s->account->nmailboxes; i++)
		session_hold(s, s->account->mailboxes[i]->seq);
	quota_usage(s->account, &u);
	(void)buf_adds(b, "* QUOTA \"\" (");
	if (l->quota != 0) {
		(void)buf_addf(b, "STORAGE %llu %llu",
		    (unsigned long long)(u.octets + 1023) / 1024,
		    (unsigned long long)l->quota / 1024);
		sp = " ";
	}
	if (l->quota_messages != 0)
		(void)buf_addf(b, "%sMESSAGE %llu %llu", sp,
		    (unsigned long long)u.messages,
		    (unsigned long long)l->quota_messages);
	(void)buf_adds(b, ")\r\n");
}

enum step
cmd_getquota(struct session *s, struct cursor *c)
{
	struct span	 root;

	if (cur_sp(c) == -1 || cur_astring(c, &root) == -1 ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	if (root.n != 0)
		return (session_reply(s, "NO [NONEXISTENT] no such quota "
		    "root"));
	write_quota(s);
	return (session_reply(s, "OK GETQUOTA completed"));
}

/* Section 4.1.2: also of a name that is no mailbox yet. */
enum step
cmd_getquotaroot(struct session *s, struct cursor *c)
{
	struct span	 name;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	if (mailbox_named(s->account, name) == NULL &&
	    mailbox_check_name(name) == -1)
		return (session_no(s, errno));
	(void)buf_adds(session_out(s), "* QUOTAROOT ");
	mailbox_write(session_out(s), name, s->enabled & ENABLED_UTF8);
	(void)buf_adds(session_out(s), " \"\"\r\n");
	write_quota(s);
	return (session_reply(s, "OK GETQUOTAROOT completed"));
}

enum step
cmd_setquota(struct session *s, struct cursor *c)
{
	(void)c;
	return (session_reply(s, "NO [NOPERM] the configuration sets what an "
	    "account may keep"));
}
