/*
 * "authd: lookup": DNS for everybody else.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "buf.h"
#include "conf.h"
#include "dns.h"
#include "msg.h"

struct resolver;

/* ---- lookup_answer.c ---------------------------------------------------- */

#define ANSWER_RECORDS	100	/* as msg.c has it */
#define ANSWER_OCTETS	14336	/* of data, so that it fits in a message */

struct answer {
	enum dns_status		 status;
	uint32_t		 ttl;
	struct buf		 canonical;
	struct buf		 octets;	/* of the records, one behind
						 * the other */
	struct msg_dns_record	 records[ANSWER_RECORDS];
	size_t			 n;
};

/*
 * Understand a DNS message that answers the question name, type: the records
 * at the end of its CNAMEs, names in them uncompressed.  The answer is filled in
 * any case; what is malformed is DNS_TEMPFAIL.  answer_free() afterwards.
 */
void	 answer_parse(struct answer *, struct span message, struct span name,
	    uint16_t type);
void	 answer_free(struct answer *);

/* ---- lookup_anchor.c ---------------------------------------------------- */

/*
 * The trust anchors of a file: DS and DNSKEY records one a line, as
 * unbound-anchor(8) and the package dns-root-data write them, appended as lines.
 * owner is set to the first one's owner name, for the caller to free.
 * 0, or -1 with a reason in why.
 */
int	 anchor_read(const char *path, struct buf *lines, char **owner,
	    struct buf *why);
int	 anchor_parse(struct span file, struct buf *lines, char **owner);

/* ---- lookup_resolver.c -------------------------------------------------- */

/* status, secure and the octets of a message (none unless DNS_OK). */
typedef void	(*resolver_fn)(void *arg, enum dns_status, int secure,
		    struct span message);

/*
 * A resolver by this configuration, with its cache.  anchors is lines of
 * trust anchors.  NULL with a reason appended to why.
 */
struct resolver	*resolver_new(const struct conf *, const struct buf *anchors,
		    struct buf *why);
/* It ends when its last question is answered. */
void		 resolver_end(struct resolver *);
/*
 * Ask; fn is called exactly once, perhaps before this returns.  -1 when it
 * cannot ask: fn is not called.
 */
int		 resolver_ask(struct resolver *, const char *name,
		    uint16_t type, resolver_fn, void *arg);

#endif
