/*
 * Which mechanisms a client is offered: the rule of auth, who decides, seen from
 * the process that the client talks to.
 */
#ifndef OFFER_H
#define OFFER_H

#include "conf.h"
#include "sasl.h"

#define OFFER_TLS	0x01u	/* the connection is encrypted */
#define OFFER_BINDING	0x02u	/* there is a channel binding on it */
#define OFFER_KEY	0x04u	/* auth knows the client's key */

/* SASL_MAY: announced; else why not.  The mechanism may be MECH_COUNT. */
enum sasl_refusal	 offer_refuse(const struct conf_listener *,
			    unsigned has, enum mech);
int			 offered(const struct conf_listener *, unsigned has,
			    enum mech);

#endif
