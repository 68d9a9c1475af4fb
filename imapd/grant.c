/*
 * Changes of a list of rights.  See grant.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/grant.h"
#include "imapd/left.h"
#include "imapd/session.h"
#include "log.h"

int
grant_negative(struct span *id)
{
	if (id->n < 2 || id->p[0] != '-')
		return (0);
	id->p++;
	id->n--;
	return (1);
}

static void
changed(struct store *st, const struct mailbox *mb, struct span name,
    uint32_t give, uint32_t take, const char *by)
{
	struct buf	 b = { 0 };

	acl_write(&b, give);
	if (take != 0) {
		(void)buf_addc(&b, '-');
		acl_write(&b, take);
	}
	log_info("account %s: mailbox %016llx: %s has the rights \"%s\", set "
	    "by %s", log_escs(mb->account->name), (unsigned long long)mb->id,
	    log_esc(name), buf_cstr(&b), log_escs(by));
	buf_free(&b);
	session_rights(st);
}

int
grant_set(struct store *st, struct mailbox *mb, uint64_t account,
    struct span name, struct span rights, int negative, const char *by)
{
	const struct acl_entry	*e;
	uint32_t		 give, take;

	/* One that is leaving takes no entries along. */
	if (account != 0 && left_get(mb->account->part, account) != LEFT_NOT) {
		errno = EAGAIN;
		return (-1);
	}
	e = sharing_entry(mb, account);
	give = e == NULL ? 0 : e->give;
	take = e == NULL ? 0 : e->take;
	if (acl_modify(rights, negative ? &take : &give) == -1) {
		errno = EINVAL;
		return (-1);
	}
	if (sharing_set(mb, account, name, give, take) == -1)
		return (-1);
	changed(st, mb, name, give, take, by);
	return (0);
}

int
grant_delete(struct store *st, struct mailbox *mb, struct span id,
    int negative, const char *by)
{
	const struct acl_entry	*e = NULL;
	char			*name;
	uint32_t		 give, take;
	size_t			 i;
	int			 rc;

	for (i = 0; i < mb->nacl && e == NULL; i++)
		if (span_caseeqs(id, mb->acl[i].name))
			e = &mb->acl[i];
	if (e == NULL)
		return (0);
	give = negative ? e->give : 0;
	take = negative ? 0 : e->take;
	if ((name = strdup(e->name)) == NULL)
		return (-1);
	rc = sharing_set(mb, e->account, span_str(name), give, take);
	if (rc == 0)
		changed(st, mb, span_str(name), give, take, by);
	free(name);
	return (rc == -1 ? -1 : 1);
}
