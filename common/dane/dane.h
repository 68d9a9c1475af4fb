/*
 * DANE for SMTP, RFC 6698 and RFC 7672: what a server's TLSA records say about
 * the certificates that it showed.  No DNS, no connection: the caller has the
 * records, knows that they are secure (DNSSEC), and has the chain.
 */
#ifndef DANE_H
#define DANE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum dane_usage { DANE_PKIX_TA, DANE_PKIX_EE, DANE_TA, DANE_EE };
enum dane_selector { DANE_CERT, DANE_SPKI };
enum dane_matching { DANE_FULL, DANE_SHA256, DANE_SHA512 };

struct dane_record {
	uint8_t		 usage, selector, matching;
	struct span	 data;		/* borrowed */
};

/* The data of a TLSA record.  0, or -1 when it is none. */
int		 dane_parse(struct span rdata, struct dane_record *);
/*
 * Can it be used for SMTP: DANE-TA or DANE-EE, a selector and a matching type
 * that we know, data of that length (RFC 7672 section 3.1)?  Records that are
 * there but all unusable ask for TLS that nothing vouches for (section 2.2).
 */
int		 dane_usable(const struct dane_record *);
/* Append it as in a zone: "3 1 1 0123...". */
int		 dane_text(const struct dane_record *, struct buf *);

enum dane_result {
	DANE_MATCH,
	DANE_NO_MATCH,		/* why says so */
	DANE_NOT_USABLE		/* no record can be used */
};

/*
 * Do the records vouch for this server?
 *
 *  chain	its certificates in PEM form, its own first
 *  names	reference names for DANE-TA: the host's, the recipients' domain
 *		(section 3.2.2); DANE-EE does not look at names and dates
 *  now		seconds, for DANE-TA
 *  which	set to the record that matched; may be NULL
 *  why		a reason is appended unless it matches
 */
enum dane_result dane_verify(const struct dane_record *, size_t n,
		    struct span chain, const char *const *names,
		    size_t nnames, int64_t now, size_t *which, struct buf *why);

#endif
