/*
 * TLS handshakes in memory, recorded as a server of ours records them.
 */
#ifndef SHAKE_H
#define SHAKE_H

#include "buf.h"
#include "regress/tlsctx/certs.h"

#define PARTS_MAX	16

struct shake {
	const char	*name;
	int		 version;	/* TLS1_2_VERSION, TLS1_3_VERSION */
	enum kind	 server, client;	/* kinds of their keys */
	const char	*suite;		/* NULL: the usual one */
	/* Of client and server, NULL: the usual ones; as libssl wants them. */
	char		*sigalgs, *groups;
	int		 retry;		/* the record has HelloRetryRequest */
};

struct recorded {
	struct buf	 b;
	struct span	 part[PARTS_MAX];	/* its messages */
	unsigned	 n;
};

/* Keys and certificates of all kinds, and their SubjectPublicKeyInfo. */
void		 shake_init(void);
void		 shake_end(void);
EVP_PKEY	*shake_key(enum kind);
struct span	 shake_spki(enum kind);
/*
 * What is recorded, empty when nothing is; -1 when the handshake failed.
 * nocert: the client shows no certificate; options: SSL_OP_*, of the client.
 */
int		 shake(const struct shake *, struct recorded *, int nocert,
		    uint64_t options, size_t max);
/* Find the messages in r->b anew. */
void		 shake_parts(struct recorded *);

#endif
