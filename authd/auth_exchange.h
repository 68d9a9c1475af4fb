/*
 * What the files about exchanges share: auth_exchange.c, which runs them, and
 * auth_vouch.c, which lets in.
 */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "authd/auth.h"

/* auth_exchange.c */
/* Answer the request that is open, if one is. */
void		 exchange_answer(struct exchange *, enum sasl_outcome,
		    struct span data, struct span text);
/* To both logs. */
void		 exchange_note(const struct exchange *, const char *result,
		    const char *why);
/* Each is the end of an exchange; x is gone afterwards. */
void		 exchange_end(struct exchange *, enum sasl_outcome,
		    const char *text);
void		 exchange_refuse(struct exchange *, enum sasl_outcome,
		    const char *result, const char *why);
/* Who it wants to be, as far as that is known. */
struct span	 exchange_name(const struct exchange *);
/* Who that is into x->account; id 0: nobody.  -1: cannot be said now. */
int		 exchange_identify(struct exchange *);
/* Too many failures, of the connection or its address? */
int		 exchange_limited(const struct conn *);

/* auth_vouch.c */
/*
 * Whose the connection is without any password, into x->account, and the
 * address by which that one logs in; none: nobody's.  0, -1.
 */
int		 exchange_owner(struct exchange *, struct buf *address);
/* Log in by the key of the certificate, of which the wire process knows. */
void		 exchange_certificate(struct exchange *);
/* The client has proven who it is; may that account log in, still? */
void		 exchange_accept(struct exchange *);

#endif
