/*
 * The table of commands and the way into it.
 */
#include <errno.h>

#include "imapcap.h"
#include "imapd/cmd.h"

/* By how often they come. */
static const struct command commands[] = {
	{ "NOOP",		ST_BOTH,	0,		cmd_noop },
	{ "IDLE",		ST_BOTH,	0,		cmd_idle },
	{ "FETCH",		ST_SELECTED,	CF_NOEXPUNGE | CF_UID,
	    cmd_fetch },
	{ "STORE",		ST_SELECTED,	CF_NOEXPUNGE | CF_UID,
	    cmd_store },
	{ "SEARCH",		ST_SELECTED,	CF_NOEXPUNGE | CF_UID | CF_LONG,
	    cmd_search },
	{ "SORT",		ST_SELECTED,	CF_NOEXPUNGE | CF_UID | CF_LONG,
	    cmd_sort },
	{ "THREAD",		ST_SELECTED,	CF_NOEXPUNGE | CF_UID | CF_LONG,
	    cmd_thread },
	{ "ESEARCH",		ST_BOTH,	CF_LONG,	cmd_multisearch },
	{ "COPY",		ST_SELECTED,	CF_UID | CF_LONG,		cmd_copy },
	{ "MOVE",		ST_SELECTED,	CF_UID | CF_LONG,		cmd_move },
	{ "EXPUNGE",		ST_SELECTED,	CF_UID | CF_LONG | CF_NUMBERLESS,
	    cmd_expunge },
	{ "UIDBATCHES",		ST_SELECTED,	0,		cmd_uidbatches },
	{ "CHECK",		ST_SELECTED,	CF_REV1,	cmd_check },
	{ "SELECT",		ST_BOTH,	CF_SELECTS,		cmd_select },
	{ "EXAMINE",		ST_BOTH,	CF_SELECTS,		cmd_examine },
	{ "CLOSE",		ST_SELECTED,	0,		cmd_close },
	{ "UNSELECT",		ST_SELECTED,	0,		cmd_unselect },
	{ "STATUS",		ST_BOTH,	0,		cmd_status },
	{ "LIST",		ST_BOTH,	0,		cmd_list },
	{ "LSUB",		ST_BOTH,	CF_REV1,	cmd_lsub },
	{ "APPEND",		ST_BOTH,	0,		cmd_append },
	{ "REPLACE",		ST_SELECTED,	CF_UID,		cmd_replace },
	{ "CREATE",		ST_BOTH,	0,		cmd_create },
	{ "DELETE",		ST_BOTH,	0,		cmd_delete },
	{ "RENAME",		ST_BOTH,	0,		cmd_rename },
	{ "SUBSCRIBE",		ST_BOTH,	0,		cmd_subscribe },
	{ "UNSUBSCRIBE",	ST_BOTH,	0,		cmd_unsubscribe },
	{ "NOTIFY",		ST_BOTH,	0,		cmd_notify },
	{ "GETMETADATA",	ST_BOTH,	0,		cmd_getmetadata },
	{ "SETMETADATA",	ST_BOTH,	0,		cmd_setmetadata },
	{ "GETQUOTAROOT",	ST_BOTH,	0,		cmd_getquotaroot },
	{ "GETQUOTA",		ST_BOTH,	0,		cmd_getquota },
	{ "SETQUOTA",		ST_BOTH,	0,		cmd_setquota },
	{ "GETACL",		ST_BOTH,	0,		cmd_getacl },
	{ "SETACL",		ST_BOTH,	0,		cmd_setacl },
	{ "DELETEACL",		ST_BOTH,	0,		cmd_deleteacl },
	{ "LISTRIGHTS",		ST_BOTH,	0,		cmd_listrights },
	{ "MYRIGHTS",		ST_BOTH,	0,		cmd_myrights },
	{ "COMPRESS",		ST_BOTH,	0,		cmd_compress },
	{ "CAPABILITY",		ST_BOTH,	0,		cmd_capability },
	{ "ENABLE",		ST_BOTH,	0,		cmd_enable },
	{ "ID",			ST_BOTH,	0,		cmd_id },
	{ "NAMESPACE",		ST_BOTH,	0,		cmd_namespace },
	{ "LOGOUT",		ST_BOTH,	0,		cmd_logout },
	{ "LOGIN",		ST_BOTH,	0,		cmd_too_late },
	{ "AUTHENTICATE",	ST_BOTH,	0,		cmd_too_late },
	{ "STARTTLS",		ST_BOTH,	0,		cmd_too_late },
};

static const struct command	*find(struct span);

static const struct command *
find(struct span name)
{
	size_t	 i;

	for (i = 0; i < nitems(commands); i++)
		if (span_caseeqs(name, commands[i].name))
			return (&commands[i]);
	return (NULL);
}

/* BAD, and one of them more. */
static enum step
no_command(struct session *s, const char *why)
{
	s->bad++;
	return (session_replyf(s, "BAD %s", why));
}

enum step
command_run(struct session *s)
{
	const struct command	*cmd;
	struct cursor		 c;
	struct span		 name;
	enum step		 r;
	unsigned		 bad = s->bad;

	s->uid = s->numbers = 0;
	s->command = NULL;
	cursor_init(&c, &s->lex, &s->scratch, s->enabled & ENABLED_UTF8);
	c.uidonly = (s->enabled & ENABLED_UIDONLY) != 0;
	c.accept = (s->enabled & ENABLED_ACCEPT) != 0;
	c.rev2 = (s->enabled & ENABLED_REV2) != 0;
	if (cur_tag(&c, &s->tag) == -1) {
		s->tag = span_str("*");
		return (no_command(s, c.error));
	}
	if (cur_sp(&c) == -1 || cur_word(&c, &name) == -1)
		return (no_command(s, "expected a command"));
	if (span_caseeqs(name, "UID")) {
		s->uid = 1;
		if (cur_sp(&c) == -1 || cur_word(&c, &name) == -1)
			return (no_command(s, "expected a command"));
	}
	if ((cmd = find(name)) == NULL ||
	    (s->limits.off != 0 && imapcap_no_command(s->limits.off, name)) ||
	    (s->uid && (cmd->flags & (CF_UID | CF_UIDONLY)) == 0) ||
	    (!s->uid && (cmd->flags & CF_UIDONLY) != 0) ||
	    (c.rev2 && (cmd->flags & CF_REV1) != 0))
		return (no_command(s, "unknown command"));
	if (c.uidonly && !s->uid && (cmd->flags & (CF_UID | CF_NUMBERLESS)) ==
	    CF_UID)			/* RFC 9586 section 3.2 */
		return (no_command(s, "[UIDREQUIRED] no numbers of messages, "
		    "UIDONLY is enabled"));
	if ((cmd->when & s->state) == 0)
		return (no_command(s, "no mailbox is selected"));
	s->command = cmd;
	if (s->state == ST_SELECTED && view_need(s->seen.view) == -1)
		return (session_no(s, errno));
	r = cmd->run(s, &c);
	if (s->bad == bad)
		s->bad = 0;	/* only those in a row count */
	return (r);
}

int
cmd_one_mailbox(struct cursor *c, struct span *name)
{
	if (cur_sp(c) == -1 || cur_mailbox(c, name) == -1 || cur_end(c) == -1)
		return (-1);
	return (0);
}

int
cmd_writable(struct session *s)
{
	if (dbenv_writable(s->account->part->env))
		return (1);
	(void)session_no(s, ENOSPC);
	return (0);
}
