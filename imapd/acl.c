/*
 * Rights on a mailbox.  See acl.h.
 */
#include "imapd/acl.h"

static const struct {
	char		 letter;
	uint32_t	 rights;
} letters[] = {
	{ 'l',	RIGHT_LOOKUP },
	{ 'r',	RIGHT_READ },
	{ 's',	RIGHT_SEEN },
	{ 'w',	RIGHT_WRITE },
	{ 'i',	RIGHT_INSERT },
	{ 'p',	RIGHT_POST },
	{ 'k',	RIGHT_CREATE },
	{ 'x',	RIGHT_DELETE },
	{ 't',	RIGHT_DELETED },
	{ 'e',	RIGHT_EXPUNGE },
	{ 'a',	RIGHT_ADMIN },
	/* section 2.1.1: shown when any of them is there */
	{ 'c',	RIGHT_CREATE | RIGHT_DELETE },
	{ 'd',	RIGHT_DELETED | RIGHT_EXPUNGE },
};

int
acl_parse(struct span s, uint32_t *rights)
{
	size_t	 i, j;

	*rights = 0;
	for (i = 0; i < s.n; i++) {
		for (j = 0; j < nitems(letters); j++)
			if (s.p[i] == (uint8_t)letters[j].letter)
				break;
		if (j == nitems(letters))
			return (-1);
		*rights |= letters[j].rights;
	}
	return (0);
}

int
acl_modify(struct span s, uint32_t *rights)
{
	uint32_t	 some;
	int		 how = 0;

	if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-')) {
		how = s.p[0];
		s.p++;
		s.n--;
	}
	if (acl_parse(s, &some) == -1)
		return (-1);
	if (how == '+')
		*rights |= some;
	else if (how == '-')
		*rights &= ~some;
	else
		*rights = some;
	return (0);
}

void
acl_write(struct buf *b, uint32_t rights)
{
	size_t	 i;

	for (i = 0; i < nitems(letters); i++)
		if ((rights & letters[i].rights) != 0)
			(void)buf_addc(b, letters[i].letter);
}

uint32_t
acl_rights(const struct acl_entry *v, size_t n, uint64_t account)
{
	uint32_t	 give = 0, take = 0;
	size_t		 i;

	for (i = 0; i < n; i++)
		if (v[i].account == account || v[i].account == 0) {
			give |= v[i].give;
			take |= v[i].take;
		}
	give &= ~take;
	return ((give & RIGHT_LOOKUP) != 0 ? give : 0);
}
