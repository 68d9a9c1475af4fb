/*
 * GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208.  Limits are set by the
 * administrator alone, so QUOTASET is not announced.
 */
#include <errno.h>

#include "imapd/cmd.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"
#include "imapd/quota.h"

static void	 write_root(struct session *, const struct account *);
static void	 write_quota(struct session *, const struct account *);

/* One an account: "", or what another's mailboxes are below. */
static void
write_root(struct session *s, const struct account *a)
{
	struct buf	 name = { 0 };

	if (a != s->account)
		(void)buf_addf(&name, OTHER_USERS "/%s", a->name);
	mailbox_write(session_out(s), span_buf(&name),
	    s->enabled & ENABLED_UTF8);
	buf_free(&name);
}

/* STORAGE counts units of 1024 octets (section 5.1): what is used, rounded up,
 * what may be, down. */
static void
write_quota(struct session *s, const struct account *a)
{
	struct usage			 l = quota_limits(a);
	struct buf			*b = session_out(s);
	struct usage			 u;
	const char			*sp = "";
	size_t				 i;

	for (i = 0; i < a->nmailboxes; i++)
		session_hold(s, a->mailboxes[i]->seq);
	quota_usage(a, &u);
	(void)buf_adds(b, "* QUOTA ");
	write_root(s, a);
	(void)buf_adds(b, " (");
	if (l.octets != 0) {
		(void)buf_addf(b, "STORAGE %llu %llu",
		    (unsigned long long)(u.octets + 1023) / 1024,
		    (unsigned long long)l.octets / 1024);
		sp = " ";
	}
	if (l.messages != 0)
		(void)buf_addf(b, "%sMESSAGE %llu %llu", sp,
		    (unsigned long long)u.messages,
		    (unsigned long long)l.messages);
	(void)buf_adds(b, ")\r\n");
}

enum step
cmd_getquota(struct session *s, struct cursor *c)
{
	struct account	*a = s->account;
	struct span	 root;

	if (cur_sp(c) == -1 || cur_mailbox(c, &root) == -1 ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	if (root.n != 0 && (a = place_account(s, root)) == NULL)
		return (session_reply(s, "NO [NONEXISTENT] no such quota "
		    "root"));
	write_quota(s, a);
	return (session_reply(s, "OK GETQUOTA completed"));
}

/* Section 4.1.2: also of a name that is no mailbox yet. */
enum step
cmd_getquotaroot(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	if (place_need(s, name, RIGHT_READ, &w) == -1 &&
	    (w.other || mailbox_check_name(name) == -1))
		return (session_no(s, errno));
	(void)buf_adds(session_out(s), "* QUOTAROOT ");
	mailbox_write(session_out(s), name, s->enabled & ENABLED_UTF8);
	(void)buf_addc(session_out(s), ' ');
	write_root(s, w.account);
	(void)buf_adds(session_out(s), "\r\n");
	write_quota(s, w.account);
	return (session_reply(s, "OK GETQUOTAROOT completed"));
}

enum step
cmd_setquota(struct session *s, struct cursor *c)
{
	(void)c;
	return (session_reply(s, "NO [NOPERM] the administrator sets what an "
	    "account may keep"));
}
