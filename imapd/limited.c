/*
 * Limits on the messages of one command.  See limited.h.
 */
#include "imapd/limited.h"

uint32_t
limited_all(const struct session *s)
{
	return (s->limits.messages);
}

uint32_t
limited_copies(const struct session *s)
{
	return (s->limits.messages != 0 ? s->limits.messages :
	    s->limits.saves);
}

void
limited_cut(struct session *s, struct targets *t)
{
	uint32_t	 most = limited_all(s), n;

	if (most == 0 || (n = targets_count(t, &s->seen)) <= most)
		return;
	targets_between(t, &s->seen, n - most + 1, n);
	t->limited = targets_number(t, &s->seen, 1);
}

enum step
limited_refuse(struct session *s, uint32_t most, uint32_t lowest)
{
	if (lowest == 0)
		return (session_replyf(s, "NO [MESSAGELIMIT %u] too many "
		    "messages for one command", most));
	return (session_replyf(s, "NO [MESSAGELIMIT %u %u] too many messages "
	    "for one command", most, lowest));
}

void
limited_tell(struct session *s, const struct targets *t)
{
	if (t->limited != 0)
		(void)buf_addf(session_out(s), "* NO [MESSAGELIMIT %u %u] only "
		    "the last messages\r\n", limited_all(s), t->limited);
}

enum step
limited_reply(struct session *s, const struct targets *t)
{
	if (t->limited == 0)
		return (session_replyf(s, "OK %s completed",
		    s->command->name));
	return (session_replyf(s, "OK [MESSAGELIMIT %u %u] %s completed for "
	    "the last messages", limited_all(s), t->limited,
	    s->command->name));
}
