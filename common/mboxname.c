/*
 * Names of mailboxes.  See mboxname.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>
#include <unistr.h>

#include "mboxname.h"

static int	 has_control(struct span);

static int
has_control(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return (1);
	return (0);
}

int
mailbox_normal(struct buf *b, struct span s)
{
	size_t	 was = b->n, n;
	uint8_t	*nfc;

	errno = 0;
	if (u8_check(s.p, s.n) != NULL)
		errno = EILSEQ;
	else if (has_control(s))
		errno = EINVAL;
	if (errno != 0)
		return (-1);
	if ((nfc = u8_normalize(UNINORM_NFC, s.p, s.n, NULL, &n)) == NULL &&
	    s.n != 0)
		return (-1);
	(void)buf_add(b, nfc, n);
	free(nfc);
	if (buf_failed(b)) {
		errno = ENOMEM;
		return (-1);
	}
	/* INBOX in any case is INBOX, RFC 3501 section 5.1 */
	if (n >= 5 && span_caseprefix(span_of(b->p + was, n), "INBOX") &&
	    (n == 5 || b->p[was + 5] == MAILBOX_SEPARATOR))
		memcpy(b->p + was, "INBOX", 5);
	return (0);
}

/* Levels that are not empty, no controls, no wildcards, within the bounds. */
int
mailbox_check_form(struct span name)
{
	size_t	 i, depth = 1;

	if (name.n == 0 || name.n > MAILBOX_NAME_MAX || has_control(name) ||
	    name.p[0] == MAILBOX_SEPARATOR ||
	    name.p[name.n - 1] == MAILBOX_SEPARATOR)
		goto bad;
	for (i = 0; i < name.n; i++) {
		if (name.p[i] == '*' || name.p[i] == '%')
			goto bad;
		if (name.p[i] != MAILBOX_SEPARATOR)
			continue;
		if (name.p[i - 1] == MAILBOX_SEPARATOR ||
		    ++depth > MAILBOX_DEPTH)
			goto bad;
	}
	return (0);
bad:
	errno = EINVAL;
	return (-1);
}

int
mailbox_check_name(struct span name)
{
	if (mailbox_check_form(name) == -1)
		return (-1);
	if (span_eqs(name, OTHER_USERS) ||
	    (name.n > sizeof(OTHER_USERS) - 1 && memcmp(name.p, OTHER_USERS "/",
	    sizeof(OTHER_USERS)) == 0)) {
		errno = EINVAL;
		return (-1);
	}
	return (0);
}

int
mailbox_own_name(struct buf *b, struct span s)
{
	size_t	 was = b->n;

	if (s.n == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (mailbox_normal(b, s) == -1)
		return (-1);
	return (mailbox_check_name(span_of(b->p + was, b->n - was)));
}
