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

#endif
