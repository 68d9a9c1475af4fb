/*
 * What of the configuration has its place in DNS, as the running suite says it:
 * "host" is this machine, "domain" the one that was asked for if it is ours,
 * "direct", "proxy" and "smarthost" are transports, "smtp", "submission(s)" and
 * "imap(s)" what is listened on, "tlsa" the records of the keys shown there.  Each
 * is there once.
 */
#ifndef DNSFACTS_H
#define DNSFACTS_H

#include "ctl.h"

struct fact {
	char		*kind, *name, *host;
	char		**ips;
	size_t		 nips;
	int64_t		 port;
};

/* Ends the program when the suite does not answer. */
void		 facts_read(struct ctl *, const char *domain);
void		 facts_free(void);
/* The next of its kind behind f, the first one behind NULL; or NULL. */
const struct fact	*next_fact(const char *kind, const struct fact *f);

#define EACH(f, kind)	for (const struct fact *f = next_fact(kind, NULL); \
    f != NULL; f = next_fact(kind, f))

#endif
