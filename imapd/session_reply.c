/*
 * The tagged answer of a command.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/session.h"
#include "log.h"

enum step
session_reply(struct session *s, const char *text)
{
	buf_reset(&s->reply);
	(void)buf_add_span(&s->reply, s->tag);
	(void)buf_addc(&s->reply, ' ');
	(void)buf_adds(&s->reply, text);
	return (STEP_DONE);
}

enum step
session_replyf(struct session *s, const char *fmt, ...)
{
	va_list	 ap;

	buf_reset(&s->reply);
	(void)buf_add_span(&s->reply, s->tag);
	(void)buf_addc(&s->reply, ' ');
	va_start(ap, fmt);
	(void)buf_addv(&s->reply, fmt, ap);
	va_end(ap);
	return (STEP_DONE);
}

enum step
session_syntax(struct session *s, const struct cursor *c)
{
	s->bad++;
	return (session_replyf(s, "BAD %s", c->error != NULL &&
	    c->error[0] != '\0' ? c->error : "syntax error"));
}

static const struct {
	int		 error;
	const char	*text;
} errors[] = {
	{ ENOENT,	"NO [NONEXISTENT] no such mailbox" },
	{ EEXIST,	"NO [ALREADYEXISTS] that mailbox exists" },
	{ EINVAL,	"NO [CANNOT] not a possible name" },
	{ EMLINK,	"NO [LIMIT] too many of them" },
	{ ENOBUFS,	"NO [LIMIT] that takes too much memory, ask for fewer "
			    "messages or try again later" },
	{ EXDEV,	"NO [CANNOT] a mailbox stays in its account" },
	{ EACCES,	"NO [NOPERM] you may not" },
	{ EPERM,	"NO [CANNOT] not with the INBOX" },
	{ ENOSPC,	"NO [UNAVAILABLE] the disk is full" },
	{ EDQUOT,	"NO [OVERQUOTA] the quota is used up" },
	{ EFBIG,	"NO [TOOBIG] message too large" },
	{ EAGAIN,	"NO [INUSE] busy, try again" },
	{ EDEADLK,	"NO [INUSE] busy, try again" },
	{ EROFS,	"NO [READ-ONLY] mailbox is open read-only" },
	{ ENOMEM,	"NO [UNAVAILABLE] no memory, try again later" },
};

enum step
session_no(struct session *s, int error)
{
	size_t	 i;

	for (i = 0; i < nitems(errors); i++)
		if (errors[i].error == error)
			return (session_reply(s, errors[i].text));
	log_error("account %s: %s: %s", log_escs(s->account->name),
	    s->command != NULL ? s->command->name : "-", strerror(error));
	return (session_reply(s, "NO [SERVERBUG] internal error"));
}
