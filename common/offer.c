/*
 * Mechanisms that are offered.  See offer.h.
 */
#include "offer.h"

enum sasl_refusal
offer_refuse(const struct conf_listener *l, unsigned has, enum mech m)
{
	struct sasl_facts	 f = { .mechs = l->mechs,
				    .cleartext = l->cleartext_auth };
	struct span		 some = span_of("", 1);

	f.tls = (has & OFFER_TLS) != 0;
	f.tls_required = l->tls == TLS_REQUIRED || l->tls == TLS_IMPLICIT;
	if ((has & OFFER_BINDING) != 0)
		f.bindings.data[SCRAM_TLS_EXPORTER] = some;
	if ((has & OFFER_KEY) != 0)
		f.external = some;
	return (sasl_refuse(&f, (enum sasl_mech)m));
}

int
offered(const struct conf_listener *l, unsigned has, enum mech m)
{
	return (offer_refuse(l, has, m) == SASL_MAY);
}
