/*
 * What dnscheck and dnsrecords say.
 */
#ifndef DNSCHECK_H
#define DNSCHECK_H

#include "ctl.h"

enum level { OK, WARNING, ERROR };

/* dnscheck.c: a finding; a record as it stands in a zone. */
void	 dns_say(enum level, const char *what, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 dns_publish(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));

/* dnstexts.c: policies that are texts. */
void	 check_texts(struct ctl *, const char *domain);
void	 publish_texts(const char *domain);
/* The TXT records there that begin with version: how many, the last of them in
 * out; -1: no answer. */
int	 text_record(struct ctl *, const char *name, const char *version,
	    struct buf *out);
/* The value of the first tag of that name in "v=x; name = value; ...": 1; or 0. */
int	 text_tag(struct span, const char *name, struct span *value);

/* dnsdkim.c: the key that a selector names. */
void	 check_dkim(struct ctl *, const char *domain, const char *selector);

#endif
